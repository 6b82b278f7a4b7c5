#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Each machine type of QEMU with each firmware: the ID is the host's; a restore is detected, also
one after a suspend to RAM, in which the firmware must tell QEMU the ID's address once more."""

import itertools

from harness import qemu as qemus, tap
from harness.scenario import ALL, boot, generation, info, new_guid, say

TYPES = ("pc", "q35")
FIRMWARES = ("seabios", "ovmf")
# enum vmgenid_source: SCI and NOTIFY, both the host's doing; TIMER.
ANNOUNCED = ("1", "2")
TIMED = ("6",)


def is_deaf(g):
    """Whether ACPI's registers are gone: SeaBIOS leaves them switched off when a q35 wakes. Then
    no event of any kind arrives, also none of the power button, and only a look finds the ID."""
    # What is not there reads as all ones: an event that is pending and never taken.
    return not g.execute("grep -q STS /sys/firmware/acpi/interrupts/gpe05")[0]


def check_noticed(c, t, count, name, sources=ANNOUNCED):
    c.wait_for(f"dmesg | grep -q 'generation {count} '")
    how = "the timer finds it" if sources == TIMED else "the event arrives"
    t.ok(info(c)["source"] in sources, f"{name}: {how}")
    t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), c.guid(), f"{name}: the ID is new")


def check(kernel, t, machine_type, firmware, qemu):
    name = f"{machine_type}, {firmware}, {qemu.version().split(' (')[0]}"
    with boot(kernel, ["info"], guid=new_guid(), type=machine_type, firmware=firmware,
              sleeps=True, qemu=qemu) as g:
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), g.guid(),
                f"{name}: the ID is the host's")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        check_noticed(c, t, 2, f"{name}, restored")
        c.fall_asleep()
        c.wake()
        t.equal(generation(c), 2, f"{name}, woken: no change is made up")
        deaf = is_deaf(c)
        if deaf:
            say(f"{kernel}: {name}: after a suspend to RAM no ACPI event arrives any more")
            c.run("sysctl -w dev.vmgenc.0.poll_ms=50")
        snapshot = c.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        check_noticed(c, t, 3, f"{name}, restored after a sleep", TIMED if deaf else ANNOUNCED)


def scenario(kernel, t):
    hosts = (qemus.SYSTEM, *([qemus.newest()] if ALL else []))
    for qemu, machine_type, firmware in itertools.product(hosts, TYPES, FIRMWARES):
        check(kernel, t, machine_type, firmware, qemu)


if __name__ == "__main__":
    tap.main(scenario)
