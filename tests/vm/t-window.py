#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""With one CPU no program runs an instruction on the old generation: not on the raw page, nor on
the counter page."""

import collections

from harness import tap
from harness.scenario import boot, new_guid, say


def read_word(vm, address):
    """8 bytes of the guest's memory while it stands still."""
    answer = vm.qmp.execute("human-monitor-command", **{"command-line": f"xp /1gx {address:#x}"})
    return int(answer.split(":")[1], 16)


def memory_types(g):
    """What x86 knows of the attributes of mappings: a line for each."""
    return collections.Counter(g.run("cat /sys/kernel/debug/x86/pat_memtype_list").splitlines())


def scenario(kernel, t):
    with boot(kernel, ["window"], guid=new_guid(), cpus=1) as g:
        g.run("mount -t debugfs debugfs /sys/kernel/debug")
        before = memory_types(g)
        g.spawn("window >/tmp/window")
        g.wait_for("grep -q count /tmp/window")
        added = memory_types(g) - before
        t.ok(any(n == 1 and line in before and "write-back" in line for line, n in added.items()),
             f"the raw page has the attributes of the kernel's mapping: {list(added)}")
        address = int(g.run("cat /tmp/window").split()[1], 16)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid(), paused=True) as c:
        before = read_word(c, address)
        t.ok(before > 0, "the program was at work when the snapshot was taken")
        c.resume()
        c.wait_for("grep -q counter /tmp/window")
        rounds = dict(line.split() for line in c.run("cat /tmp/window").splitlines())
    # The round that the snapshot cut in two began in the old world.
    stale = {page: max(0, int(rounds[page]) - before - 1) for page in ("raw", "counter")}
    t.equal(stale["raw"], 0, "the raw page is new from the first instruction")
    t.equal(stale["counter"], 0, "the counter page is new before user space runs")
    say(f"{kernel}: rounds on the old generation after resume, 1 CPU: "
        f"raw page {stale['raw']}, counter page {stale['counter']}")


if __name__ == "__main__":
    tap.main(scenario)
