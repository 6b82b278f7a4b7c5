# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How soon something happens in a clone, in instructions from its first one on, when the host's
notification is pending already: the module has settled, Linux's own driver has reseeded, the first
guard begins, a fork sentinel is zeroed. One CPU.

The guards and vmgend lie on a disk, with all that they need. One guard is a dynamic program, from
whose main() on it counts; the other a script of /bin/sh, of which its first command does.
"""

import json
import re
import statistics
import time

from harness import rootdisk
from harness.figures import NS_PER_INSTRUCTION
from harness.scenario import WITHOUT_INTREE, boot, new_guid, program, seed

FORK = "crng reseeded due to virtual machine fork"
PROGRAMS = {"/usr/sbin/vmgend": "vmgend", "/usr/bin/stamp": "stamp"}
# The kernel's log has the time of what is written there.
SCRIPT = "the script begins"
HOOKS = {"/etc/vmgen/hooks.d/10-program": ("#!/bin/stamp /run/program\n", 0o755),
         "/etc/vmgen/hooks.d/10-script": (f"#!/bin/sh\necho '{SCRIPT}' >/dev/kmsg\n", 0o755)}
# A guest that gets so far, in seconds of its own, has done all that it does at once.
ENOUGH = 0.4
# By then what waits for a disk that hangs is taken to wait for ever.
NEVER = 4


def busy(clone):
    """Other programs are at work: one that is always ready to run, and the host's own command."""
    clone.send("exec vmgenctl wait --settled --timeout 60 1")


def usual(clone):
    del clone


# {what is told: (what the host does to a clone, whether the cache is dropped before the snapshot)}
CONDITIONS = {
    "": (usual, False),
    "beside programs that are busy": (busy, False),
    "each write takes a second": (rootdisk.slow, False),
    "the disk hangs": (rootdisk.hang, False),
    "the disk hangs, page cache dropped": (rootdisk.hang, True),
}
# In a program that looks ten thousand times a second, which is not idle, so it is measured alone.
SENTINEL = "beside a program that has one"
CONDITIONS[SENTINEL] = (usual, False)


def root_disk():
    found = {path: program(name, sanitized=False) for path, name in PROGRAMS.items()}
    return rootdisk.RootDisk({**found, "/usr/bin/sh": "/bin/dash", "/usr/bin/env": "/usr/bin/env"},
                             HOOKS)


def started(kernel, disk):
    """A guest in which vmgend, on the disk, has settled."""
    g = boot(kernel, ["vmgenctl", "stamp"], sanitized=False, guid=new_guid(), icount=True,
             files=rootdisk.drivers(kernel), disk=disk.image)
    try:
        seed(g)
        rootdisk.mount(g)
        g.spawn(f"exec {rootdisk.ENTER} vmgend >/tmp/vmgend 2>&1")
        g.wait_for("vmgenctl wait --settled")
        # The kernel tests its own code for a while after it has booted.
        g.run("sleep 60", timeout=120)
    except BaseException:
        g.close()
        raise
    return g


def prepare(kernel, disk, condition):
    """A snapshot with vmgend waiting, and the address of the time."""
    spins, drop = condition.startswith("beside programs"), CONDITIONS[condition][1]
    with started(kernel, disk) as g:
        if condition == SENTINEL:
            g.spawn("exec stamp sentinel /run/sentinel >/tmp/sentinel")
            g.wait_for("grep -q ready /tmp/sentinel")
        g.spawn(f"exec chrt -i 0 stamp {'spin ' if spins else ''}>/tmp/stamp")
        g.wait_for("grep -q now /tmp/stamp")
        address = g.run("cat /tmp/stamp").split()[1]
        if drop:
            rootdisk.drop_caches(g)
        # What has just ended must not end in the clone.
        wait(g, address, now(g, address), 0.1)
        return g.snapshot(), address


def now(guest, address):
    """The guest's own time, in nanoseconds, which is read without its help."""
    answer = guest.ask("human-monitor-command", **{"command-line": f"xp /1gx {address}"})
    return int(answer.split(":")[1], 16)


def wait(guest, address, began, seconds):
    while now(guest, address) < began + seconds * 10**9:
        time.sleep(0.01)


def printed(c, what):
    """When the kernel's log says so, in nanoseconds; its clock is not that of programs."""
    c.run("stamp /dev/kmsg")
    lines = c.run("dmesg").splitlines()
    times = [(int(m[1]) * 10**9 + int(m[2]) * 1000, m[3]) for line in lines
             if (m := re.match(r"\[ *(\d+)\.(\d{6})\] (.*)", line))]
    own, stamp = next((t, int(text.split()[-1])) for t, text in times if "stamp " in text)
    return next((t + stamp - own for t, text in times if what in text), None)


def stamped(c, path):
    text = c.run(f"cat {path} 2>/dev/null || true")
    return int(text.split()[1]) if text else None


def times(snapshot, address, intree, condition):
    """{what: instructions, or None: it never came} of one clone."""
    hung = CONDITIONS[condition][0] is rootdisk.hang
    with snapshot.clone(guid=new_guid(), paused=True) as c:
        began = now(c, address)
        CONDITIONS[condition][0](c)
        c.resume()
        if condition.startswith("beside programs"):
            c.answer("vmgenctl wait")
        wait(c, address, began, NEVER if hung else ENOUGH)
        if hung and not rootdisk.hangs(c):
            raise RuntimeError("the disk still answers")
        if not hung:
            c.wait_for(f"test -e /run/program && dmesg | grep -q '{SCRIPT}'")
        ends = {"the first guard begins": stamped(c, "/run/program"),
                "a guard that is a script begins": printed(c, SCRIPT)}
        if condition == SENTINEL:
            c.wait_for("test -e /run/sentinel")
            ends = {"a fork sentinel is zeroed": stamped(c, "/run/sentinel")}
        if not condition:
            # Whether all is handled is not asked here.
            ends["vmgenc has settled"] = json.loads(
                c.execute("vmgenctl status --json")[1])["changed_boottime_ns"]
            if intree:
                ends["Linux's own driver has reseeded"] = printed(c, FORK)
        if hung and not rootdisk.hangs(c):
            raise RuntimeError("the disk answered")
        return {what: end and (end - began) // NS_PER_INSTRUCTION for what, end in ends.items()}


def row(kernel, what, condition, seen):
    known = [each for each in seen if each is not None]
    return {"kernel": kernel, "what": what, "condition": condition, "seen": seen,
            "instructions": statistics.median_low(known) if len(known) == len(seen) else None}


def measure_condition(kernel, disk, condition, options):
    snapshot, address = prepare(kernel, disk, condition)
    seen = [times(snapshot, address, kernel not in WITHOUT_INTREE, condition)
            for _ in range(options.clones)]
    snapshot.path.unlink()
    return [row(kernel, what, condition, [clone[what] for clone in seen]) for what in seen[0]]


def measure(options):
    disk = root_disk()
    return [each for kernel in options.kernels for condition in CONDITIONS
            for each in measure_condition(kernel, disk, condition, options)]


def figure(instructions):
    return "       never" if instructions is None else f"{instructions:12,}"


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("", 34, lambda row: row["what"]),
    ("", 37, lambda row: row["condition"]),
    ("instructions", 0, lambda row: figure(row["instructions"])),
)
