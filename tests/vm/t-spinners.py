#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Processes of nobody that call the device all the time do not delay the settling of a change."""

import statistics

from harness import tap
from harness.scenario import NOBODY, boot, new_guid, say

PROGRAMS = ["window", "flood", "/usr/bin/chrt"]
SPINNERS = 64
COUNT = "grep -l flood /proc/[0-9]*/comm | wc -l"
# Ahead of the spinners, or each command of it would wait for all of them.
FIRST = "chrt -f 1 sh -c"
RESULTS = (f"{FIRST} 'until grep between /tmp/window; do sleep 0.1; done;"
           f" echo spinners $({COUNT}); echo generation $(sysctl -n dev.vmgenc.0.generation)'")
CLONES = 3
# window measures on a CPU of its own; the interrupt and what settles the change share the other one
# with the spinners. In a class ahead of all others window would starve the kernel's own threads on
# its CPU, RCU's among them.
WATCH = "taskset 2 window >/tmp/window"
PIN = "taskset -p 1 $(pidof vmgenc)"
SPIN = f"taskset 1 chrt -o 0 {NOBODY} flood 1000"


def prepare(kernel, spinners):
    with boot(kernel, PROGRAMS, guid=new_guid(), cpus=2, sanitized=False) as g:
        g.run(PIN)
        if spinners:
            g.run(f"{FIRST} 'for i in $(seq {spinners}); do {SPIN} >/dev/null 2>&1 & done;"
                  f" until test $({COUNT}) = {spinners}; do sleep 0.1; done'")
        g.spawn(WATCH)
        g.wait_for("grep -q count /tmp/window")
        return g.snapshot()


def measure(snapshot, spinners, t):
    """Guest milliseconds from the new ID to the new generation, of each clone."""
    figures = []
    for number in range(CLONES):
        with snapshot.clone(guid=new_guid()) as c:
            words = c.run(RESULTS).split()
            seen = dict(zip(words[::2], words[1::2]))
            t.equal((seen["generation"], seen["spinners"]), ("2", str(spinners)),
                    f"{spinners} spinners, clone {number}: settled, and all of them still spin")
            figures.append(int(seen["between"]) / 1e6)
    return figures


def scenario(kernel, t):
    for spinners in (0, SPINNERS):
        figures = measure(prepare(kernel, spinners), spinners, t)
        say(f"{kernel}: from the new ID to the new generation with {spinners} spinners, 2 CPUs: "
            f"{statistics.median(figures):.2f} ms (median of {CLONES}; {min(figures):.2f} to "
            f"{max(figures):.2f})")


if __name__ == "__main__":
    tap.main(scenario)
