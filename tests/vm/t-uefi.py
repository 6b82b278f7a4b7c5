#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""ACPI under UEFI firmware on a real ARM kernel, where there is no SCI and a device for generic
events notifies: an ID in ACPI NVS memory or outside of RAM is used, and one in memory that is the
kernel's is refused."""

import re

from harness import tap
from harness.board import RAM, boot
from harness.scenario import generation, info, new_guid, say, seed

# enum vmgenid_source
NOTIFY, CALL = "2", "3"
NOTIFIES = 1 << 1           # VMGENID_INFO_NOTIFIES
RAW_PAGE = 1 << 4           # VMGENID_INFO_RAW_PAGE
HID = "QEMUVGID"
VENDOR = "; report it to the hypervisor vendor"
USED = f"the address lies in memory that the kernel uses{VENDOR}"
# Refused, and why. The board's CPUs have 44 and 48 bits of address.
REFUSED = {
    "the kernel's memory": (RAM + (64 << 20), USED),
    "beyond the CPU": (1 << 52, f"the address is beyond what this CPU can address{VENDOR}"),
    "odd": (RAM + 4, f"the address is not a multiple of 8{VENDOR}"),
}
# In the machine's flash.
OUTSIDE = 0x04000000 - 0x1000


def messages(g):
    return [line.split("vmgenc: ", 1)[1] for line in g.run("dmesg").splitlines()
            if "vmgenc: " in line]


def sysctl(g, name):
    return g.run(f"cat /proc/sys/dev/vmgenc/0/{name}").strip()


def check_found(g, t):
    at = RAM + g.host.id
    memory = re.findall(r"(?m)^(\w+)-(\w+) : System RAM$", g.run("cat /proc/iomem"))
    t.ok(memory and not any(int(start, 16) <= at <= int(end, 16) for start, end in memory),
         "UEFI's ACPI NVS memory is not the kernel's")
    t.equal((sysctl(g, "guid"), sysctl(g, "hid")), (g.guid(), HID), "its ID is shown")
    facts = info(g)
    t.equal((facts["generation"], sysctl(g, "poll_ms"), facts["getrandom"]), ("1", "0", "0"),
            "it is not polled, and the library draws")
    flags = int(facts["flags"], 16)
    t.ok(flags & NOTIFIES and flags & RAW_PAGE, "it notifies, and its page can be mapped")
    for program in ("abi", "library"):
        t.results(g.tap(f"HID={HID} {program}"))


def check_notify(g, t):
    guid = new_guid()
    g.pause()
    g.host.change(guid)
    g.interrupt()
    g.resume()
    g.wait_for("dmesg | grep -q 'generation 2 (detected by notify)'")
    facts = info(g)
    t.equal((facts["source"], facts["record_flags"], sysctl(g, "guid")), (NOTIFY, "0", guid),
            "the interrupt of the generic event device announces a change")
    g.interrupt()
    g.wait_for("info | grep -q 'spurious_notifies 1'")
    t.equal(generation(g), 2, "an interrupt without a change is only counted")
    g.host.change()
    facts = info(g)
    t.equal((facts["generation"], facts["source"]), ("3", CALL), "a call looks as well")


def move(g, address):
    """Where ADDR says that the ID is, from now on: see tests/tables/arm.asl."""
    at = g.host.id & ~0xfff
    g.host.memory[at:at + 8] = address.to_bytes(8, "little")


def check_places(g, t):
    for name, (address, fault) in REFUSED.items():
        move(g, address)
        status, _ = g.execute("insmod /vmgenc.ko")
        t.ok(status and f"\\_SB_.VGEN: {fault}" in messages(g), f"{name}: {fault}")
    move(g, OUTSIDE)
    g.run("insmod /vmgenc.ko")
    t.equal(info(g)["hid"], HID, "outside of RAM it is used")
    g.run("rmmod vmgenc")
    move(g, 0)


def scenario(kernel, t):
    with boot(kernel, ["abi", "info", "library"], firmware="aavmf") as g:
        say(f"{kernel}: UEFI: the shell answers {g.uptime():.1f} s after the kernel's start")
        seed(g)
        check_found(g, t)
        check_notify(g, t)
        g.run("rmmod vmgenc")
        check_places(g, t)
        guid = g.host.change()
        g.run("insmod /vmgenc.ko")
        t.equal((generation(g), sysctl(g, "guid")), (1, guid), "and it can be loaded again")


if __name__ == "__main__":
    tap.main(scenario)
