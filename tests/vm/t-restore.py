#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A restore with a new ID is one change, seen by everybody who waits; with the same ID it is none."""

from harness import qemu as qemus, tap
from harness.scenario import ALL, boot, descriptions, generation, info, new_guid, seed

# enum vmgenid_source
SCI = "1"
# Where make check-all has the newest host too.
NEWEST_ON = "6.12"
WAYS = ("read", "poll", "wait", "map", "changed", "vmgen_wait")


def start_waiting(g):
    g.spawn("uevent env >/tmp/uevents")
    for way in WAYS:
        g.spawn(f"notice {way} >/tmp/{way}")
    # Each holds the device open once it waits.
    g.wait_for(f"test $(ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c /dev/vmgenid) -ge {len(WAYS)}")
    g.run(f"sleep 1; cd /tmp && ! grep . {' '.join(WAYS)}")


def check_changed(c, t):
    for way in WAYS:
        c.wait_for(f"grep . /tmp/{way}")
    seen = [c.run(f"cat /tmp/{way}").split() for way in WAYS]
    t.equal([way for way, (g, *_) in zip(WAYS, seen) if g != "2"], [], "everybody saw generation 2")
    t.equal(len({first for _, first, *_ in seen}), len(WAYS), "and drew bytes of their own")
    # By now Notify and the in-tree driver have had their say as well.
    c.run("sleep 1")
    t.equal(generation(c), 2, "the generation moved by exactly one")
    t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), c.guid(), "the ID is the host's new one")
    t.equal(c.run("dmesg | grep -c 'was cloned or restored'").strip(), "1", "the log says it once")
    t.equal(c.run("grep -c NEW_VMGENID=1 /tmp/uevents").strip(), "1", "there was one uevent")
    facts = info(c)
    t.equal(facts["changes"], "1", "INFO counts one change")
    t.equal(facts["spurious_notifies"], "0", "and no spurious Notify")
    t.equal(facts["record_flags"], "0", "the kernel's generator was reseeded")
    return facts["source"]


def check_unchanged(c, t):
    # QEMU notifies after every restore. Wait for that, or nothing has been shown.
    c.wait_for("info | grep -qx 'spurious_notifies 1'")
    c.run("sleep 1")
    t.equal(generation(c), 1, "the same ID is no change")
    t.equal(info(c)["spurious_notifies"], "1", "its Notify is counted")
    t.equal(c.run(f"cd /tmp && cat {' '.join(WAYS)}"), "", "nobody was woken")
    t.ok(c.execute("grep NEW_VMGENID /tmp/uevents")[0], "there was no uevent")


def check(kernel, machine, t):
    """Returns who noticed the change."""
    guid = new_guid()
    with boot(kernel, ["notice", "info"], guid=guid, **machine) as g:
        seed(g)
        start_waiting(g)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        source = check_changed(c, t)
        again = c.snapshot()
    with snapshot.clone(guid=guid) as c:
        check_unchanged(c, t)
    with again.clone(guid=guid) as c:
        c.wait_for("dmesg | grep -q 'generation 3'")
        t.equal(generation(c), 3, "a second restore is a second change, also back to the first ID")
    return source


def scenario(kernel, t):
    for machine in descriptions(kernel).values():
        check(kernel, machine, t)
    if ALL and kernel == NEWEST_ON:
        qemu = qemus.newest()
        t.note(f"the same, with {qemu.version()}")
        t.equal(check(kernel, {"qemu": qemu}, t), SCI, "with Debian's newest QEMU the interrupt tells")


if __name__ == "__main__":
    tap.main(scenario)
