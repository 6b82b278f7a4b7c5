# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Asks the kernels that are built with sanitizers what they found, of every guest before it ends.

KASAN and every WARN() panic the guest at once. The others only write to the kernel's log, and
kmemleak not even that: without this they would find mistakes that nobody hears of.
"""

import re

from harness import coverage

KERNEL = "debug"
KERNELS = (KERNEL, "debug-arm64")
# Time-outs are given for a machine that has nothing else to do, and is none of the slowest.
BUSY = 3
# Everything takes longer there.
PATIENCE = 6
# Its first line and as much of the rest as says where.
REPORT = re.compile(r".*(?:\[#1\]|BUG: |BUG at |WARNING: |UBSAN: |ODEBUG: |Kernel panic|"
                    r"INFO: task .* blocked|INFO: trying to register)(?:.*\n){1,60}")
LEAKS = "/sys/kernel/debug/kmemleak"
# What is younger than 5 s kmemleak does not call a leak. What one scan finds may only have been
# on its way from one place to another.
FIND_LEAKS = (f"kill -9 -1; test -e {LEAKS} || mount -t debugfs debugfs /sys/kernel/debug;"
              " for i in $(seq 100); do rmmod vmgenc 2>/dev/null && break; sleep 0.1; done; sleep 6;"
              f" echo scan >{LEAKS}; echo scan >{LEAKS}; cat {LEAKS}")


def report(console):
    """The first report on a guest's console; empty if there is none."""
    found = REPORT.search(console)
    return found.group() if found else ""


def patience(kernel):
    """What a time-out is multiplied by."""
    return BUSY * (PATIENCE if kernel.name in KERNELS else 1)


def check(process):
    """Raise the guest's error if there is a report; leaks can only be asked for while it runs.

    Ends the programs of the guest, unloads the module, and keeps what was counted of it.
    """
    if process.machine.kernel.name not in KERNELS:
        return
    alive = process.process.poll() is None
    if alive and process.ask("query-status")["status"] == "running":
        leaks = process.run(FIND_LEAKS)
        if "unreferenced object" in leaks:
            raise process.error(f"kmemleak has found:\n{leaks}")
        coverage.keep(process)
    if report(process.console_text()):
        raise process.error("the kernel has found a mistake")
