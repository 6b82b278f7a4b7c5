#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Xen: which xl commands give a guest another ID, and that it detects it; and which do not."""

from harness import draws, drivers, hosted, kernel as kernels, outer, tap, xen
from harness.hibernation import ID_UNTRUSTED
from harness.scenario import info, program, say

SAVED = "/tmp/saved"
# With PV drivers a guest takes part in a save and a restore, else it is not asked.
GUESTS = {
    "HVM": {"cmdline": "console=ttyS0 iomem=relaxed"},
    "HVM without PV drivers": {"cmdline": "console=ttyS0 iomem=relaxed xen_nopv"},
}
TIMES = 20
RESUME_TIMEOUT = 300
SWAP = "/dev/sda"
PVH_INIT = """#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
insmod /vmgenc.ko
vmgenctl status >/dev/hvc0 2>&1
sleep 1
poweroff -f
"""
DETECTED = {"HVM": "resume", "HVM without PV drivers": "timer"}


def check_restores(kernel, what, t):
    with xen.Domain(kernel, hosted.PROGRAMS, **GUESTS[what]) as g:
        g.boot()
        hosted.begin(g)
        first = g.guid()
        t.equal(hosted.shown(g), first, f"{what}: the ID is that of xl list -l")
        g.save(SAVED)
        g.restore(SAVED, configured=False)
        t.equal((g.guid(), hosted.shown(g), hosted.changes(g)[0]), (first, first, 0),
                f"{what}: xl restore FILE keeps the ID, so there is no change")
        g.destroy()
        g.restore(SAVED, configured=True)
        hosted.check_change(g, t, f"{what}: xl restore CONFIG FILE", DETECTED[what])
        t.ok(hosted.shown(g) == g.guid() != first, f"{what}: it gives a new ID")
        t.equal(hosted.changes(g), (1, 0), f"{what}: that is one change")
        check_siblings(g, what, t)


def check_siblings(g, what, t, most=0):
    hosted.begin_draws(g)
    g.save(SAVED)
    found = []
    for _ in range(2):
        g.restore(SAVED, configured=True)
        found.append(draws.finish(g, hosted.DRAWS))
        g.destroy()
    hosted.check_draws(found, t, what, most)


def check_creations(kernel, t):
    with xen.Domain(kernel, ()) as g:
        found = []
        for _ in range(2):
            xen.xl("create", "-p", str(g.config))
            found.append(g.guid())
            g.destroy()
        t.ok(found[0] != found[1], "xl create: a new ID each time")


def check_pvh(kernel, t):
    with xen.Domain(kernel, ("vmgenctl",), kind="pvh", cmdline="console=hvc0",
                    files={"/init": (PVH_INIT, 0o755)}) as g:
        xen.xl("create", str(g.config))
        said = g.wait_for_end()
        t.ok("ms_vm_genid" in g.config.read_text("ascii"), "PVH: xl takes the line")
        t.ok("for HVM guests alone" in said, "PVH: and there is no device, which vmgenctl tells")
        t.note(said)


def find_disk(g):
    g.run(drivers.LOAD)
    g.wait_for(f"test -b {SWAP}")


def check_hibernation(kernel, t, cmdline, trusted):
    """The domain ends, and xl create makes another one of its disk. Linux's PV drivers cannot do it."""
    with xen.Domain(kernel, hosted.PROGRAMS, memory=384, cmdline=f"console=ttyS0 xen_nopv {cmdline}",
                    files=drivers.files(kernels.load(kernel), ("ata_piix", "sd_mod"))) as g:
        g.add_disk()
        g.boot()
        find_disk(g)
        g.run(f"mkswap {SWAP} && swapon {SWAP}; echo 0 >/sys/power/image_size")
        hosted.begin(g)
        first = g.guid()
        g.send("echo disk >/sys/power/state")
        g.wait_for_state(xen.GONE)
        g.boot()
        find_disk(g)
        g.run(f"cat /sys/class/block/{SWAP[5:]}/dev >/sys/power/resume", RESUME_TIMEOUT)
        facts = info(g)
        t.ok(g.guid() != first, "xl create of a machine that hibernated gives another ID")
        untrusted = bool(int(facts["flags"], 16) & ID_UNTRUSTED)
        what = f"hibernation, {cmdline or 'as Linux does it'}"
        if trusted:
            t.equal((hosted.shown(g), untrusted), (g.guid(), False), f"{what}: the ID is the new one")
            hosted.check_change(g, t, what, "resume")
        else:
            t.equal((hosted.shown(g), facts["changes"], untrusted), (first, "0", True),
                    f"{what}: the old ID is written back, and the module tells that it is in doubt")


def check_cpus(kernel, t):
    """Two CPUs: what one draws before the other has detected it is a figure."""
    for what in GUESTS:
        with xen.Domain(kernel, hosted.PROGRAMS, cpus=2, **GUESTS[what]) as g:
            g.boot()
            hosted.begin(g)
            check_siblings(g, f"{what}, 2 CPUs", t, most=hosted.DRAWS)


def check_migration(kernel, t):
    """And S3; neither is a change."""
    with xen.Domain(kernel, hosted.PROGRAMS) as g:
        g.boot()
        hosted.begin(g)
        first = g.guid()
        g.migrate()
        t.equal((g.guid(), hosted.shown(g), hosted.changes(g)[0]), (first, first, 0),
                "xl migrate: the ID stays, and there is no change")
        g.send("echo mem >/sys/power/state; dmesg | grep 'sleep state S3'")
        t.ok("Waking up from system sleep state S3" in g.wake()[1], "it slept, and xl trigger wakes it")
        t.equal((g.guid(), hosted.shown(g), hosted.changes(g)[0]), (first, first, 0),
                "S3 and xl trigger s3resume: the ID stays, and there is no change")
        check_many(g, t)


def check_many(g, t):
    seen = {hosted.shown(g)}
    for number in range(1, TIMES + 1):
        g.save(SAVED)
        g.restore(SAVED, configured=True)
        g.wait_for("vmgenctl wait --settled")
        seen.add(hosted.shown(g))
        if (hosted.changes(g)[0], len(seen)) != (number, number + 1):
            break
    t.equal((number, len(seen)), (TIMES, TIMES + 1), f"{TIMES} saves and restores: an ID each")
    t.equal(hosted.changes(g), (TIMES, 0), "one change each")
    ran = {name: g.run(f"wc -l </run/{name}").strip() for name in hosted.HOOKS}
    t.equal(ran, dict.fromkeys(hosted.HOOKS, str(TIMES)), "and the hooks ran once each")


def inside(kernel, t):
    check_creations(kernel, t)
    check_pvh(kernel, t)
    for what in GUESTS:
        check_restores(kernel, what, t)
    check_cpus(kernel, t)
    check_migration(kernel, t)
    check_hibernation(kernel, t, "", trusted=False)
    check_hibernation(kernel, t, "acpi_sleep=nonvs", trusted=True)


def scenario(kernel, t):
    if xen.is_here():
        inside(kernel, t)
        return
    programs = [program(name, False) for name in hosted.PROGRAMS]
    with outer.Xen(kernel, programs) as host:
        say(host.inside("xl info | grep -E 'xen_version|virt_caps'"))
        host.scenario("xen", t)


if __name__ == "__main__":
    tap.main(scenario)
