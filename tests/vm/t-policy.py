#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""One disk through several cold boots: rolled back, copied, its record damaged.

What vmgend keeps lies on the disk, so each boot begins with what the last one left there, and the
power is cut rather than switched off.
"""

import json

from harness import drivers, image, kernel as kernels, tap
from harness.scenario import boot, new_guid, seed

DRIVERS = (*drivers.DISK, "crc32c_generic", "ext4", "virtio_net")
# (UUID of the firmware, address of the network)
ORIGINAL = ("0a1b2c3d-0000-4000-8000-00000000000a", "52:54:00:00:00:0a")
COPY = ("0a1b2c3d-0000-4000-8000-00000000000b", "52:54:00:00:00:0b")
STATE = "/var/lib/vmgen"
UNIT = "samba-ad-dc"
# Fences the unit whose data went back, as a guard does, and can be made to hang.
GUARD = f"""#!/bin/sh
echo $1 >>/run/10-guard
test $1 = unknown || vmgenctl fence set {UNIT} "its data went back" || exit
until test ! -e /run/hang; do sleep 0.1; done
"""
LAST = "#!/bin/sh\necho $1 >>/run/80-last\n"
HOOKS = {"/etc/vmgen/hooks.d/10-guard": (GUARD, 0o755),
         "/etc/vmgen/hooks.d/80-last": (LAST, 0o755)}


def switch_on(kernel, disk, guid, machine=ORIGINAL):
    """A cold boot, with the disk mounted and vmgend not started yet."""
    uuid, mac = machine
    g = boot(kernel, ["vmgend", "vmgenctl"], guid=guid, disk=disk, uuid=uuid,
             devices=(f"virtio-net-pci,mac={mac},romfile=",),
             files={**HOOKS, **drivers.files(kernels.load(kernel), DRIVERS)})
    try:
        seed(g)
        g.run(f"{drivers.LOAD}; mount -t ext4 /dev/vda /var/lib")
    except BaseException:
        g.close()
        raise
    return g


def start(g):
    g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def stop(g):
    pid = json.loads(g.run("cat /run/vmgen/status.json"))["pid"]
    g.run(f"kill {pid}")
    g.join(pid)


def runs(g):
    return [json.loads(line) for line in g.run("vmgenctl history --json").splitlines()]


def last(g):
    """What the latest run was taken for."""
    run = runs(g)[-1]
    return run["event"], run["hint"], run["intent"], run["skipped"]


def ran(g):
    return g.run("cat /run/10-guard /run/80-last 2>/dev/null || true").split()


def check_first(kernel, disk, guid, t):
    """The system before it is copied: what it records, and what the administrator says."""
    with switch_on(kernel, disk, guid) as g:
        start(g)
        t.equal((last(g), ran(g)), (("adopted", "unknown", "", False), []),
                "a first start adopts the ID and runs no hook")
        state = json.loads(g.run(f"cat {STATE}/state.json"))
        t.equal(state["machine"], {"product_uuid": ORIGINAL[0], "macs": [ORIGINAL[1]]},
                "it notes what the machine looks like")
        t.equal(g.execute(f"vmgenctl fence check {UNIT}"), (0, ""), "nothing is fenced")
        t.equal(g.run("vmgenctl intent clone; vmgenctl intent show"), "clone\n",
                "the administrator says what is next")
        return g.disk


def check_rollback(kernel, disk, guid, t):
    """The disk is rolled back and the machine boots; the power is cut in the middle of the run."""
    with switch_on(kernel, disk, guid) as g:
        g.run("touch /run/hang")
        g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
        g.wait_for("test -s /run/10-guard")
        # The guard waits for no record.
        g.wait_for(f"grep -q '\"run\"' {STATE}/state.json && ! test -e {STATE}/intent")
        run = json.loads(g.run(f"cat {STATE}/state.json"))["run"]
        t.equal((run["event"], run["hint"], run["intent"]), ("boot-changed", "rollback", "clone"),
                "rolled back on the same machine: the guard runs, and the hint says rollback")
        t.equal(g.execute(f"test -e {STATE}/intent")[0], 1,
                "the intent is gone before a hook has run to its end")
        g.wait_for(f"vmgenctl fence list | grep -q {UNIT}")
        return g.disk


def check_finished(kernel, disk, guid, t):
    """Booted again with the same ID: what the power cut left is finished."""
    with switch_on(kernel, disk, guid) as g:
        status, output = g.execute(f"vmgenctl fence check {UNIT}")
        t.equal((status, "its data went back" in output, f"fence lift {UNIT}" in output),
                (10, True, True), "the fence outlives the power cut, and tells why and the way out")
        start(g)
        t.equal((last(g), ran(g)), (("boot-changed", "rollback", "clone", False), ["boot-changed"]),
                "the run is finished, for what it was taken for")
        t.equal(len(runs(g)), 2, "it is one run in the history")


def check_copied(kernel, disk, t):
    """The same, but a copy of it: another machine, another ID. t-boots.py has more such boots."""
    with switch_on(kernel, disk, new_guid(), COPY) as g:
        start(g)
        t.equal((last(g), ran(g)), (("boot-changed", "unknown", "", False), ["boot-changed"]),
                "the intent does not survive its one use, and a hint that was wrong is none")
        stop(g)
        g.run(f"vmgenctl intent restore; echo '{{' >{STATE}/state.json; sync")
        return g.disk


def check_corrupt(kernel, disk, t):
    """The record is damaged; then the system is made an image to be copied."""
    with switch_on(kernel, disk, new_guid(), COPY) as g:
        start(g)
        t.equal((last(g), ran(g)), (("unknown", "unknown", "", False), ["unknown"]),
                "a corrupt record: the guards run, and an intent that may be used up is dropped")
        t.equal(g.run("vmgenctl intent show"), "none\n", "for good")
        status, output = g.execute("vmgenctl status")
        t.equal((status, 'the intent "restore" is dropped' in output), (8, True),
                "which the status tells")
        t.equal(g.run(f"cat {STATE}/state.json.bad"), "{\n", "the damaged file is kept")
        status, output = g.execute("vmgenctl forget")
        t.equal((status, f"fence lift {UNIT}" in output), (0, True),
                "vmgenctl forget names the fence that stays in the image")
        t.equal(g.run(f"vmgenctl fence lift {UNIT}; ls {STATE}").split(), ["fence", "history"],
                "and takes away all that the copies must not have")
        stop(g)
        g.run("sync")
        return g.disk


def check_image(kernel, disk, t):
    with switch_on(kernel, disk, new_guid()) as g:
        start(g)
        t.equal((last(g), ran(g)), (("adopted", "unknown", "", False), []),
                "a copy of the golden image adopts its ID and runs no hook")
        t.equal(g.execute(f"vmgenctl fence check {UNIT}"), (0, ""), "its unit may start")
        g.run("echo restore >/etc/vmgen/intent")
        again = g.snapshot()
    with again.clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled 1")
        t.equal((last(c), ran(c)), (("changed", "unknown", "restore", False), ["changed", "changed"]),
                "cloned while it runs, every hook runs; what it looks like says nothing then")
        t.equal(c.execute("test -e /etc/vmgen/intent")[0], 1,
                "what a tool has left in /etc/vmgen/intent is used up")


def scenario(kernel, t):
    guid, rolled_back = new_guid(), new_guid()
    disk = check_first(kernel, image.empty(), guid, t)
    disk = check_rollback(kernel, disk, rolled_back, t)
    check_finished(kernel, disk, rolled_back, t)
    disk = check_copied(kernel, disk, t)
    disk = check_corrupt(kernel, disk, t)
    check_image(kernel, disk, t)


if __name__ == "__main__":
    tap.main(scenario)
