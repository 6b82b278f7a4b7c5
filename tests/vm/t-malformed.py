#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Without a device, and with devices that no firmware should make, the module says what is wrong
and leaves nothing behind."""

import pathlib

from harness import sanitizer, tap
from harness.scenario import boot, matrix, new_guid

TABLE = pathlib.Path(__file__).parent.parent / "tables/malformed.asl"
# The in-tree driver reads at any address, and KASAN ends the guest for it.
WITHOUT_INTREE = "initcall_blacklist=vmgenid_driver_init"
REMEDY = "; report it to the hypervisor vendor"
FAULTS = {
    "VG00": "ADDR is missing or fails",
    "VG01": "ADDR does not return two elements",
    "VG02": "ADDR does not return two elements",
    "VG03": "ADDR does not return a package",
    "VG04": "ADDR does not return a package",
    "VG05": "ADDR does not return a package",
    "VG06": "ADDR does not return integers",
    "VG07": "ADDR does not return integers",
    "VG08": "ADDR does not return integers",
    "VG09": "the address is zero",
    "VG10": "the address is not a multiple of 8",
    "VG11": "the address lies in memory that the kernel uses",
    "VG12": "the address is beyond what this CPU can address",
    "VG13": "ADDR is missing or fails",
    "VG14": "_STA fails, or does not return an integer",
    "VC00": "_CRS is missing or fails",
    "VC01": "_CRS names no memory",
    "VC02": "_CRS names more than one range of memory",
    "VC03": "its memory is shorter than 112 bytes",
    "VC04": "the address is not a multiple of 8",
    "VC05": "the address lies in memory that the kernel uses",
    "VC06": "_CRS names no memory",
}


def messages(g):
    """What the module said, once: busybox tries a second way to load a module that refuses."""
    lines = [line for line in g.run("dmesg").splitlines() if "vmgenc: " in line]
    return list(dict.fromkeys(line.split("vmgenc: ", 1)[1] for line in lines))


def check_refused(g, t, what):
    status, output = g.execute("insmod /vmgenc.ko")
    t.ok(status and "No such device" in output, f"{what}: insmod says that there is no device")
    t.ok(any("no usable generation ID device" in m and "-device vmgenid" in m
             for m in messages(g)), f"{what}: the log says so, and names the remedy")
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
                                    [f"\\_SB_.{device}: {fault}{REMEDY}"],
                                    f"{device}: {fault}")
        matrix(kernel, "malformed", marks)
        t.ok("\\_SB_.VC07: its memory is not that of a VMClock, so it is of no use here" in said,
             "VC07: firmware's own memory is no VMClock")
        t.ok(not any("VGA" in m or "VCA" in m for m in said), "a device that is not present is left alone")
    guid = new_guid()
    with boot(kernel, load=False, tables=[TABLE], guid=guid, cmdline=cmdline) as g:
        g.run("insmod /vmgenc.ko")
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), guid,
                "a good device among bad ones is used")


if __name__ == "__main__":
    tap.main(scenario)
