#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Without a device, and with devices that no firmware should make, the module says what is wrong
and leaves nothing behind."""

from harness import sanitizer, shapes, tap
from harness.scenario import boot, matrix, new_guid
from harness.shapes import FAULTS, messages

TABLE = shapes.TABLES / "malformed.asl"
# The in-tree driver reads at any address, and KASAN ends the guest for it.
WITHOUT_INTREE = "initcall_blacklist=vmgenid_driver_init"


def check_refused(g, t, what):
    status, output = g.execute("insmod /vmgenc.ko")
    t.ok(status and "No such device" in output, f"{what}: insmod says that there is no device")
    t.ok(any(shapes.NO_DEVICE in m for m in messages(g)),
         f"{what}: the log says so, and names the remedy")
    t.ok(g.execute("test -e /dev/vmgenid -o -e /proc/sys/dev/vmgenc -o -e /sys/module/vmgenc")[0],
         f"{what}: nothing is left behind")


def scenario(kernel, t):
    cmdline = WITHOUT_INTREE if kernel == sanitizer.KERNEL else ""
    with boot(kernel, load=False) as g:
        check_refused(g, t, "no device")
    with boot(kernel, load=False, tables=[TABLE], cmdline=cmdline) as g:
        check_refused(g, t, "malformed devices")
        said = messages(g)
        marks = {}
        for device, fault in FAULTS.items():
            marks[device] = t.equal([m for m in said if device in m],
                                    [f"\\_SB_.{device}: {fault}{shapes.REMEDY}"],
                                    f"{device}: {fault}")
        matrix(kernel, "malformed", marks)
        t.ok(shapes.NO_VMCLOCK in said, "VC07: firmware's own memory is no VMClock")
        t.ok(not any("VGA" in m or "VCA" in m for m in said), "a device that is not present is left alone")
        t.equal(shapes.find([TABLE], shapes.firmware(g))[1], shapes.of_devices(said),
                "the module says the same on ACPICA in user space")
    guid = new_guid()
    with boot(kernel, load=False, tables=[TABLE], guid=guid, cmdline=cmdline) as g:
        g.run("insmod /vmgenc.ko")
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), guid,
                "a good device among bad ones is used")


if __name__ == "__main__":
    tap.main(scenario)
