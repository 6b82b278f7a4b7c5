#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The host changes the ID and notifies nobody: anyone who calls the device finds out, nothing hangs,
and no change is made up. Also IDs that are none, and a module that goes while the ID changes."""

import time

from harness import tap
from harness.handle import POLLIN, SYSGENID, VMGENID, Handle, failed
from harness.host import Host
from harness.scenario import boot, generation, info, new_guid

CHANGES = 200
# Bytes that a read tells.
RECORD, COUNTER = 24, 4
# Flags of a record, as in <vmgen/vmgenid.h>.
NO_ID = 2


def check_flood(g, host, t):
    """Changes that come while calls are under way."""
    before = generation(g)
    g.spawn("flood 5 >/tmp/flood 2>&1 || echo failed >>/tmp/flood")
    for _ in range(CHANGES):
        host.change()
        time.sleep(0.01)
    g.wait_for("grep -qE 'generation|failed' /tmp/flood")
    seen = g.run("cat /tmp/flood").split()
    t.ok(seen[0] == "generation" and "failed" not in seen, f"no call hangs: {' '.join(seen)}")
    moved = generation(g) - before
    t.ok(0 < moved <= CHANGES, f"{moved} steps for {CHANGES} changes: none is made up")
    g.run("sleep 1")
    t.equal(generation(g) - before, moved, "and none comes after")


def take(handle):
    """What read() tells of a change: not at once, because it is settled first."""
    for _ in range(100):
        result = handle.ask("take")
        if result[0] != failed("EAGAIN")[0]:
            break
        handle.guest.run("sleep 0.1")
    return result


def check_descriptor(g, host, t, device, size):
    """An open file that has told of what was there, and nobody else who looks."""
    handle = Handle(g, f"of{device}")
    t.equal(handle.ask(f"open {device}", "take"), [0, [*failed("EAGAIN"), 0]], "a file is open")
    host.change()
    t.equal(handle.ask("poll 60000"), [1, POLLIN], "poll() looks at the memory")
    n, told = take(handle)
    t.equal(n, size, "and read() has what it tells of")
    host.change()
    t.equal(take(handle), [size, told + 1], "read() that waits for nothing does")
    handle.ask("close")


def check_open(g, host, t):
    """Who opens /dev/sysgenid does not wait, but has the module look."""
    handle = Handle(g, "page")
    handle.ask("open 0")
    before = handle.ask("generation")
    host.change()
    g.run(": </dev/sysgenid")
    for _ in range(100):
        if handle.ask("generation") > before:
            break
        g.run("sleep 0.1")
    t.equal(handle.ask("generation"), before + 1, "to open /dev/sysgenid is to look")
    handle.ask("close")


def check_no_id(g, host, t):
    before = generation(g)
    for content, name in ((bytes(16), "zeros"), (b"\xff" * 16, "ones")):
        host.write(content)
        facts = info(g)
        t.equal(int(facts["generation"]), before, f"an ID of all {name} is no change")
        t.equal(int(facts["record_flags"], 16), NO_ID, "the record says that there is no ID")
        t.equal(facts["getrandom"], "-61", "vmgen_getrandom() vouches for nothing: ENODATA")
    t.equal(facts["lost_ids"], "2", "both are counted")
    host.change()
    facts = info(g)
    t.equal(int(facts["generation"]), before + 1, "an ID after none is a change")
    t.equal((facts["record_flags"], facts["getrandom"]), ("0", "0"), "and all is well again")


def check_adoption(g, host, t):
    """The module is loaded while there is no ID."""
    g.run("rmmod vmgenc")
    host.write(bytes(16))
    g.run("insmod /vmgenc.ko")
    t.equal(int(info(g)["record_flags"], 16), NO_ID, "loaded without an ID, it says so")
    host.change()
    facts = info(g)
    t.equal((facts["generation"], facts["record_flags"]), ("1", "0"), "the first ID is adopted")
    host.change()
    t.equal(generation(g), 2, "the second is a change")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["flood", "handle", "info"], guid=guid, cpus=2, shared=True) as g:
        host = Host(g, guid)
        host.change()
        t.equal(generation(g), 2, "sysctl looks at the memory")
        host.change()
        facts = info(g)
        t.equal((facts["generation"], facts["source"]), ("3", "3"), "INFO and WAIT do")
        t.equal(facts["found_by_call"], "2", "such changes are counted")
        check_descriptor(g, host, t, VMGENID, RECORD)
        check_descriptor(g, host, t, SYSGENID, COUNTER)
        check_open(g, host, t)
        check_flood(g, host, t)
        check_no_id(g, host, t)
        check_adoption(g, host, t)
        for _ in range(10):
            g.spawn("flood 1")
            host.change()
            g.run("until rmmod vmgenc 2>/dev/null; do :; done; insmod /vmgenc.ko")
        t.equal(generation(g), 1, "the module comes and goes while the ID changes")


if __name__ == "__main__":
    tap.main(scenario)
