# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How soon something happens in a clone, in instructions from its first one on, when the host's
notification is pending already: the module has settled, Linux's own driver has reseeded, the first
hook begins. One CPU; a program that is always ready to run counts as idle."""

import json
import re
import statistics

from check import NS_PER_INSTRUCTION
from scenario import WITHOUT_INTREE, boot, new_guid, seed

FORK = "crng reseeded due to virtual machine fork"
HOOKS = {"/etc/vmgen/hooks.d/10-stamp": ("#!/bin/stamp /tmp/hook\n", 0o755)}


def prepare(kernel):
    """A snapshot with vmgend waiting, and the address of the time."""
    with boot(kernel, ["vmgend", "vmgenctl", "stamp"], sanitized=False, guid=new_guid(),
              files=HOOKS, icount=True) as g:
        seed(g)
        g.spawn("exec vmgend >/tmp/vmgend 2>&1")
        g.wait_for("vmgenctl wait --settled")
        g.spawn("exec chrt -i 0 stamp >/tmp/stamp")
        g.wait_for("grep -q now /tmp/stamp")
        address = g.run("cat /tmp/stamp").split()[1]
        g.run("sleep 1")
        return g.snapshot(), address


def printed(c, what):
    """When the kernel's log says so, in nanoseconds; its clock is not that of programs."""
    c.run("stamp /dev/kmsg")
    lines = c.run("dmesg").splitlines()
    times = [(int(m[1]) * 10**9 + int(m[2]) * 1000, m[3]) for line in lines
             if (m := re.match(r"\[ *(\d+)\.(\d{6})\] (.*)", line))]
    own, stamp = next((t, int(text.split()[-1])) for t, text in times if "stamp " in text)
    return next(t for t, text in times if what in text) + stamp - own


def times(snapshot, address, intree):
    """{what: instructions} of one clone."""
    with snapshot.clone(guid=new_guid(), paused=True) as c:
        answer = c.ask("human-monitor-command", **{"command-line": f"xp /1gx {address}"})
        began = int(answer.split(":")[1], 16)
        c.resume()
        c.run("vmgenctl wait --settled --timeout 60 1")
        ends = {"vmgenc has settled":
                    json.loads(c.run("vmgenctl status --json"))["changed_boottime_ns"],
                "the first hook begins": int(c.run("cat /tmp/hook").split()[1])}
        if intree:
            ends["Linux's own driver has reseeded"] = printed(c, FORK)
        return {what: (end - began) // NS_PER_INSTRUCTION for what, end in ends.items()}


def measure_kernel(kernel, options):
    snapshot, address = prepare(kernel)
    seen = [times(snapshot, address, kernel not in WITHOUT_INTREE) for _ in range(options.clones)]
    snapshot.path.unlink()
    return [{"kernel": kernel, "what": what, "seen": [clone[what] for clone in seen],
             "instructions": statistics.median_low(clone[what] for clone in seen)}
            for what in seen[0]]


def measure(options):
    return [row for kernel in options.kernels for row in measure_kernel(kernel, options)]


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("", 34, lambda row: row["what"]),
    ("instructions", 0, lambda row: f"{row['instructions']:12,}"),
)
