#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The host changes the ID while the guest is suspended to RAM, and nothing announces it: with the
module the change is settled before user space runs again, without it nobody ever takes the ID in."""

import re

from harness import draws, tap
from harness.host import Host
from harness.scenario import boot, generation, info, new_guid, say, seed

DRAWS = 1000
# What each program or driver writes to the kernel's log when it is its turn.
USER = "draw: user space runs"
VMGEN = r"generation 2 \(detected by resume\)"
CLOCKS = "crng reseeded on system resumption"      # Linux 5.19 and later
INTREE = "crng reseeded due to virtual machine fork"


def when(log, text):
    """Milliseconds of the kernel's clock at which a line was logged, or None."""
    found = re.search(rf"(?m)^\[ *([0-9.]+)\].*{text}", log)
    return float(found.group(1)) * 1000 if found else None


def sleep_and_wake(g, host, guid):
    """What the kernel logged from the wake-up on."""
    draws.begin(g, guid, DRAWS, log="/dev/kmsg")
    g.run("dmesg -c")
    g.fall_asleep()
    host.change()
    g.wake()
    draws.finish(g, DRAWS)
    # Time enough for a Notify that is late.
    g.run("sleep 1")
    return g.run("dmesg")


def without_module(kernel, t):
    """In words: what the stock kernel does."""
    guid = new_guid()
    with boot(kernel, ["draw"], load=False, guid=guid, shared=True, sleeps=True) as g:
        seed(g)
        log = sleep_and_wake(g, Host(g, guid), guid)
    t.ok(when(log, USER), "stock kernel: user space ran again")
    t.ok(when(log, INTREE) is None, "stock kernel: nobody takes the new ID in")
    clocks = when(log, CLOCKS)
    if clocks is None:
        return "nothing"
    # Nearly always late; the kernel promises nothing.
    late = clocks - when(log, USER)
    return f"a reseed from clocks, {late:.1f} ms after user space ran"


def check_window(g, t):
    """Rounds of a busy program on the old generation, from the first that could see the new ID."""
    rounds = dict(line.split() for line in g.run("cat /tmp/window").splitlines())
    stale = int(rounds["counter"]) - int(rounds["raw"])
    t.equal(stale, 0, "user space sees the new generation with the new ID")
    return stale


def with_module(kernel, t):
    guid = new_guid()
    with boot(kernel, ["draw", "window", "info"], guid=guid, shared=True, sleeps=True) as g:
        seed(g)
        g.spawn("window >/tmp/window")
        g.wait_for("grep -q count /tmp/window")
        log = sleep_and_wake(g, Host(g, guid), guid)
        stale = check_window(g, t)
        facts = info(g)
        t.equal((facts["generation"], facts["source"]), ("2", "5"), "the wake-up noticed")
        t.equal((facts["found_by_resume"], facts["changes"]), ("1", "1"), "and it alone")
        t.equal(facts["record_flags"], "0", "the generator was reseeded")
        g.fall_asleep()
        g.wake()
        t.equal(generation(g), 2, "a sleep without a new ID is no change")
    early = when(log, USER) - when(log, VMGEN)
    t.ok(early > 0, "the log tells of the change before user space runs")
    return f"generation 2 and fresh {early:.1f} ms before user space ran, {stale} stale rounds"


def scenario(kernel, t):
    stock = without_module(kernel, t)
    say(f"{kernel}: new ID while suspended to RAM: stock kernel: {stock}; "
        f"with vmgenc: {with_module(kernel, t)}")


if __name__ == "__main__":
    tap.main(scenario)
