#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""KVM: a guest that a CPU runs detects a change as one that is emulated does, and its clock is set
by that of its host. Where there is no KVM, in an emulated machine that has it."""

import os

from harness import draws, drivers, hosted, kernel as kernels, outer, qemu, tap
from harness.guest import default_accelerator
from harness.scenario import boot, new_guid, program

# These run there as they are.
SCENARIOS = ("restore", "window")
PROGRAMS = ("draw", "info", "notice", "window")
# Which part of this a nested host runs: the clock needs a machine of its own.
PART = "VMGEN_PART"
HOURS = 3 * 3600


def start(kernel, **machine):
    # The fault of older ones with several CPUs is in what they emulate.
    return boot(kernel, hosted.PROGRAMS, load=False, sanitized=False, guid=new_guid(),
                qemu=qemu.SYSTEM, **machine)


def check_change(kernel, t):
    with start(kernel) as g:
        t.ok("Hypervisor detected: KVM" in g.run("dmesg"), "the guest finds KVM")
        hosted.begin(g)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        hosted.check_change(c, t, "KVM: a new process with another GUID", "interrupt")
        t.equal(hosted.changes(c), (1, 0), "KVM: one change, and one notification")


def check_siblings(kernel, cpus, t):
    with start(kernel, cpus=cpus) as g:
        hosted.begin(g)
        hosted.begin_draws(g)
        snapshot = g.snapshot()
    found = []
    for _ in range(2):
        with snapshot.clone(guid=new_guid()) as c:
            found.append(draws.finish(c, hosted.DRAWS))
    # Another CPU draws until the first has detected it.
    hosted.check_draws(found, t, f"KVM, CPUs: {cpus}", most=0 if cpus == 1 else hosted.DRAWS)


def check_clock(kernel, t):
    files = drivers.files(kernels.load(kernel), ("ptp_kvm",))
    with boot(kernel, ["clock"], load=False, files=files) as g:
        g.run(drivers.LOAD)
        t.ok("KVM" in g.run("cat /sys/class/ptp/*/clock_name"), "the host shows its clock by ptp_kvm")
        t.equal(g.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource").strip(),
                "kvm-clock", "the guest's own is kvm-clock")
        g.run(f"date -s @$(($(date +%s) - {HOURS}))")
        drill, said, again = (g.run(f"{event} clock") for event in ("VMGEN_EVENT=test", "", ""))
        t.ok("would step the clock by +1" in drill and "the clock of KVM" in drill,
             "20-clock would step one that is hours behind to it")
        t.ok("stepped the clock by +1" in said and "the clock of KVM" in said, "and does")
        t.ok("agrees with the clock of KVM" in again, "after which they agree")
        t.note(drill + said + again)


def nested(kernel, t):
    programs = [program(name, True) for name in (*PROGRAMS, "clock")]
    programs += [program(name, False) for name in hosted.PROGRAMS]
    with outer.Kvm(kernel, programs) as host:
        for name in SCENARIOS:
            host.scenario(name, t)
        host.scenario("kvm", t, f"{PART}=change")
    with outer.KvmClock(kernel, programs) as host:
        host.scenario("kvm", t, f"{PART}=clock")


def scenario(kernel, t):
    if default_accelerator() != "kvm":
        nested(kernel, t)
        return
    part = os.environ.get(PART)
    if part != "clock":
        check_change(kernel, t)
        for cpus in (1, 2):
            check_siblings(kernel, cpus, t)
    if part != "change":
        check_clock(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
