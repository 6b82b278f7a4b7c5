# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""One open file of nobody's that is polled very often, beside root and a process to which root has
passed an open file, who wait for the same change.

For a guest with the program waiters, one CPU and a time that counts instructions.
"""

import dataclasses

from harness.scenario import NOBODY

TRACE = "/sys/kernel/tracing"
# How long after its time the interrupt of the kernel's tick came.
LATEST = """awk '
function field(name) { match($0, " " name "=[0-9]+"); n = length(name) + 2
    return substr($0, RSTART + n, RLENGTH - n) }
/ hrtimer_start: .* function=tick_/ { expires = field("expires") }
/ hrtimer_expire_entry: .* function=tick_/ && expires {
    late = field("now") - expires; if (late > latest) latest = late }
END { printf "%d", latest }' """ + f"{TRACE}/trace"
WHO = ("root", "heir", "crowd")


@dataclasses.dataclass(frozen=True)
class Waits:
    """Nanoseconds of the guest."""
    root: int       # from the change being detected until root's poll returned
    heir: int       # until that of the process with root's open file did
    crowd: int      # and that of the crowd
    latest: int     # the longest that the interrupt of the tick was kept waiting


def gather(g, count):
    """Has all of them wait, the crowd last; returns their process IDs. Then clones can measure."""
    # The kernel tests its own code for a while after it has booted.
    g.wait_for("! grep -q cryptomgr /proc/[0-9]*/comm 2>/dev/null", timeout=600)
    # waiters locks its memory, and has as many entries as files may be open.
    limits = f"ulimit -n {count + 16}; ulimit -l unlimited; exec"
    pids = []
    for who, command in (("root", "exec waiters 1"),
                         ("heir", f"{limits} {NOBODY} waiters 1 0 </dev/vmgenid"),
                         ("crowd", f"{limits} {NOBODY} waiters {count} 1")):
        pids.append(g.spawn(f"{command} >/tmp/{who}"))
        g.wait_for(f"grep -q : /tmp/{who} || grep -q ready /tmp/{who} &&"
                   f" grep -q '^State:.S' /proc/{pids[-1]}/status", timeout=600)
    g.run(f"mkdir -p {TRACE}; mount -t tracefs tracefs {TRACE} 2>/dev/null; cd {TRACE};"
          " echo 1 >events/timer/hrtimer_start/enable;"
          " echo 1 >events/timer/hrtimer_expire_entry/enable; echo >trace")
    # The tick stops while nothing runs, so the trace will have its next beginning.
    g.run("sleep 1")
    return pids


def measure(clone, count):
    seen = []
    for who, entries in zip(WHO, (1, 1, count), strict=True):
        clone.wait_for(f"grep -qE 'woken|:' /tmp/{who}", timeout=600)
        ns, woken = (int(field) for field in clone.run(f"grep woken /tmp/{who}").split()[1:])
        if woken != entries:
            raise clone.error(f"{who}: {woken} of {entries} entries were readable")
        seen.append(ns)
    return Waits(*seen, int(clone.run(LATEST)))
