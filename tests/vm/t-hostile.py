#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Hooks and file systems that do their worst: vmgend answers each change, says what it could not
do, and makes up for it when it can."""

import json

from harness import drivers, kernel as kernels, tap
from harness.faults import Disk
from harness.host import Host
from harness.scenario import ALL, boot, new_guid, say, seed

D = "/etc/vmgen/hooks.d"
STATE = "/var/lib/vmgen"
COUNT = 200 if ALL else 100
# What vmgend keeps of it does not depend on how much it is.
FLOOD = 1 << 30 if ALL else 64 << 20
FILL = (f"! dd if=/dev/zero of={STATE}/fill bs=64k 2>/dev/null;"
        f" ! dd if=/dev/zero of={STATE}/fill2 bs=512 2>/dev/null")
# Several at a time, in twenty numbers.
MANY = {f"/many/{20 + i % 20}-h{i}": ("#!/bin/sh\necho >>/tmp/many\n", 0o755) for i in range(COUNT)}
# Each has a grandchild that no longer has a parent, and ignores what it can.
BROOD = """#!/bin/sh
trap '' TERM HUP INT
for i in $(seq 20); do (trap '' TERM; (trap '' TERM; exec setsid sleep 7777) & ) & done
while :; do sleep 7777; done
"""
# All that it has open, it keeps; so does what it leaves behind.
KEEPS = "#!/bin/sh\nsleep 8888 &\necho $! >/tmp/kept\n"
LOUD = f"#!/bin/sh\nyes | head -c 10000\nexec dd if=/dev/zero bs=1M count={FLOOD >> 20}\n"
HOOKS = {
    f"{D}/10-guard": ("#!/bin/sh\necho $1 >>/tmp/guard\n", 0o755),
    f"{D}/80-last": ("#!/bin/sh\necho $1 >>/tmp/last\n", 0o755),
    "/hostile/50-brood": (BROOD, 0o755),
    "/hostile/51-keeps": (KEEPS, 0o755),
    "/hostile/52-loud": (LOUD, 0o755),
    "/etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\n",
    "/etc/vmgen/hooks.conf.d/50-brood.conf": "[hook]\ntimeout = 5\n",
    "/etc/vmgen/hooks.conf.d/52-loud.conf": "[hook]\ntimeout = 900\n",
    **MANY,
}


class Rig:
    """A guest with a small file system for vmgend's record, and vmgend."""

    def __init__(self, guest, guid):
        self.guest = guest
        self.host = Host(guest, guid)
        self.generation = 1
        seed(guest)
        guest.run(f"{drivers.LOAD}; mkdir -p {STATE} && mount -t ext4 /dev/vda1 {STATE};"
                  " mount -t tmpfs tmpfs /run")
        self.start()

    def start(self):
        self.guest.spawn("exec vmgend >>/tmp/vmgend.log 2>&1")
        self.guest.wait_for("vmgenctl wait --settled")

    def restart(self):
        self.guest.run("killall vmgend; while pidof vmgend; do sleep 0.1; done")
        self.start()

    def change(self, timeout=300):
        """One change, answered; returns what vmgend reports of it, and logs meanwhile."""
        before = int(self.guest.run("wc -c </tmp/vmgend.log"))
        self.host.change()
        self.generation += 1
        self.guest.run(f"vmgenctl wait --settled --timeout {timeout} {self.generation - 1}",
                       timeout + 10)
        status = json.loads(self.guest.run("cat /run/vmgen/status.json"))
        return status, self.guest.run(f"tail -c +{before + 1} /tmp/vmgend.log")

    def lines(self, path):
        return len(self.guest.run(f"cat {path} 2>/dev/null || true").splitlines())

    def memory_kib(self):
        """The most that vmgend ever had resident."""
        pid = json.loads(self.guest.run("cat /run/vmgen/status.json"))["pid"]
        return int(self.guest.run(f"grep VmHWM /proc/{pid}/status").split()[1])

    def record(self):
        return json.loads(self.guest.run(f"cat {STATE}/state.json"))


def check_many(rig, t):
    rig.guest.run(f"mv /many/* {D}/")
    began = rig.guest.uptime()
    status, _ = rig.change()
    took = rig.guest.uptime() - began
    good = [name for name, result in status["last"]["hooks"].items()
            if result["outcome"] == "succeeded"]
    t.equal((len(good), rig.lines("/tmp/many")), (COUNT + 2, COUNT),
            f"{COUNT} hooks: each ran once")
    t.equal(set(rig.record()["last"]["hooks"]), set(good), "and each is on record")
    rig.guest.run(f"rm {D}/*-h*")
    say(f"{COUNT} hooks: {took:.1f} s of the guest's time; vmgend has had {rig.memory_kib()} KiB "
        "resident at most")


def check_hostile(rig, t):
    rig.guest.run(f"mv /hostile/* {D}/")
    before = rig.memory_kib()
    status, log = rig.change(900)
    outcomes = {name: result["outcome"] for name, result in status["last"]["hooks"].items()}
    t.equal(outcomes, {"10-guard": "succeeded", "50-brood": "timed-out", "51-keeps": "succeeded",
                       "52-loud": "succeeded", "80-last": "succeeded"}, "each ends as it must")
    t.equal(rig.guest.run("ps | grep '[s]leep 7777' || true"), "",
            "of one with grandchildren that ignore SIGTERM nothing is left")
    kept = rig.guest.run("ls -l /proc/$(cat /tmp/kept)/fd | sed -n 's/.* -> //p'").split()
    t.equal({name.split(":")[0] for name in kept},
            {"/dev/null", "pipe", f"{D}/51-keeps"}, "one that closes nothing keeps nothing else")
    t.ok(len(log) < 64 << 10 and "bytes of its output are left out" in log,
         f"of {FLOOD >> 20} MiB {len(log)} bytes of the log are left")
    t.ok(rig.memory_kib() < before + 1024, "and none of vmgend's memory")
    rig.restart()
    t.ok("still running" not in rig.guest.run("tail -n 3 /tmp/vmgend.log"),
         "nor does what it left behind hold up the next start")
    rig.guest.run(f"kill $(cat /tmp/kept); rm {D}/5*")
    took = status["last"]["hooks"]["52-loud"]["duration_ms"]
    say(f"a hook that prints {FLOOD >> 20} MiB: {took / 1000:.1f} s of the guest's time")


def check_unwritable(rig, t, what, break_it, mend_it, word):
    """The record cannot be written for a while."""
    rig.guest.run(break_it)
    before, record = rig.lines("/tmp/last"), rig.record()
    status, log = rig.change()
    t.equal((rig.lines("/tmp/last"), status["recorded"]), (before + 1, False),
            f"{what}: the hooks run all the same, and it is told")
    t.ok("cannot record" in log and word in log and "does this again" in log, f"{what}: and logged")
    t.equal(rig.record(), record, f"{what}: the record before is whole")
    t.equal(rig.guest.execute("vmgenctl status")[0], 8, f"{what}: vmgenctl status tells of it")
    rig.guest.run(mend_it)
    rig.restart()
    t.equal((rig.lines("/tmp/last"), "run" in rig.record()), (before + 2, False),
            f"{what}: when it is fixed, the next start does what is not on record")
    rig.restart()
    t.equal(rig.lines("/tmp/last"), before + 2, f"{what}: once")


def check_read_only_root(rig, t):
    """All but /run, /tmp and its own directory cannot be written, as on an image."""
    rig.guest.run("mount -o remount,ro / && ! touch /etc/x 2>/dev/null")
    before = rig.lines("/tmp/last")
    status, _ = rig.change()
    t.equal((rig.lines("/tmp/last"), status["recorded"]), (before + 1, True),
            "a root that cannot be written does not matter")
    rig.restart()
    t.equal(rig.lines("/tmp/last"), before + 1, "nor at the next start")


def scenario(kernel, t):
    guid = new_guid()
    files = {**HOOKS, **drivers.files(kernels.load(kernel), drivers.EXT4)}
    with boot(kernel, ["vmgend", "vmgenctl"], sanitized=False, guid=guid, files=files,
              disk=Disk().image, shared=True, memory=256) as g:
        rig = Rig(g, guid)
        check_unwritable(rig, t, "disk full", FILL, f"rm {STATE}/fill*", "No space left")
        check_unwritable(rig, t, "read-only", f"mount -o remount,ro {STATE}",
                         f"mount -o remount,rw {STATE}", "Read-only")
        check_many(rig, t)
        check_hostile(rig, t)
        check_read_only_root(rig, t)


if __name__ == "__main__":
    tap.main(scenario)
