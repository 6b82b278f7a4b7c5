# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What each guest makes of the device: whether it binds, and whether it hears of changes.

A guest is a row of a table: how it matches the device, what it wants of ADDR and of the address,
and which notifications it hears. Judged is what its source does with what was read here; no guest
is run.
"""

import dataclasses

from acpi_check import drivers, trees
from acpi_check.drivers import Refused, Unknown, Useless
from acpi_check.facts import Judgement, Mark


@dataclasses.dataclass(frozen=True)
class Guest:
    name: str
    source: str
    # Functions of the machine and of the device. Each raises one of drivers', or says nothing.
    match: tuple
    # Returns where the ID lies, or raises.
    addr: object
    # Functions of the machine and of that place.
    address: tuple
    # A function of the machine and of the device, as those that match.
    hears: object
    # Said after "binds and hears of changes", in words; of the device.
    beside: object = None


# What these bind was seen with 6.1.0-56, 6.12.117, 7.2.12 and 7.3.4 of Debian.
LINUX = "drivers/virt/vmgenid.c of Linux {}"
IN_TREE = {"addr": drivers.linux_addr, "hears": drivers.linux_hears,
           "address": (drivers.linux_zero, drivers.addressable, drivers.linux_ram)}
BIND = (drivers.linux_named, drivers.linux_present)

ACPI = (
    Guest("Linux 5.18 to 6.9, in tree",
          LINUX.format("6.1, an acpi_driver; drivers/acpi/bus.c"), BIND,
          beside=drivers.linux_alignment, **IN_TREE),
    Guest("Linux 6.10 to 6.19, in tree",
          LINUX.format("6.12, a platform_driver; drivers/acpi/scan.c, acpi_pnp.c"),
          BIND + (drivers.has_hid, drivers.pnp_bus), beside=drivers.linux_alignment, **IN_TREE),
    Guest("Linux 7.0 to newest, in tree",
          LINUX.format("7.2, a platform_driver; drivers/acpi/scan.c; commit 3ad5df239104 is in "
                       "7.0-rc1"),
          BIND + (drivers.has_hid, drivers.system_device), beside=drivers.linux_alignment,
          **IN_TREE),
    Guest("Linux 5.10 to newest, vmgenc", "vmgen, kmod/acpi.c, kmod/device.c, kmod/timer.c",
          (drivers.linux_named, drivers.vmgenc_present), drivers.vmgenc_addr,
          (drivers.vmgenc_address, drivers.vmgenc_ram), drivers.vmgenc_hears),
    Guest("FreeBSD 13.0 to newest, vmgenc(4)",
          "sys/dev/vmgenc/vmgenc_acpi.c and sys/dev/acpica/acpi.c of FreeBSD",
          (drivers.freebsd_named, drivers.freebsd_present, drivers.freebsd_resource),
          drivers.freebsd_addr,
          (drivers.freebsd_zero,), drivers.freebsd_hears, drivers.freebsd_beside),
    Guest("NetBSD 10.1 to newest, acpivmgenid(4)", "sys/dev/acpi/acpi_vmgenid.c of NetBSD",
          (drivers.linux_named, drivers.seen_present), drivers.netbsd_addr,
          (drivers.netbsd_zero,), drivers.netbsd_hears),
    Guest("Windows 8, Windows Server 2012 and later, vmgencounter.sys",
          "UAPI.14, and Microsoft Learn, \"Virtual machine generation identifier\"; the driver's "
          "source is not public",
          (drivers.windows_named, drivers.seen_present, drivers.windows_unknown),
          drivers.any_addr, (), drivers.any_hears),
    Guest("OpenBSD", "no such driver was found in sys/dev/acpi of OpenBSD; that is no proof",
          (drivers.no_driver,), drivers.any_addr, (), drivers.any_hears),
    Guest("illumos", "no such driver was found in illumos-gate; that is no proof",
          (drivers.no_driver,), drivers.any_addr, (), drivers.any_hears),
)

TREES = (
    Guest("Linux 5.18 to 6.9, in tree", LINUX.format("6.1, an acpi_driver"),
          (trees.no_trees,), trees.place, (), trees.always),
    Guest("Linux 6.10 to newest, in tree", LINUX.format("6.12 and 7.2"),
          (trees.available, trees.one_reg, trees.interrupt), trees.place,
          (trees.linux_alignment, trees.linux_ram), trees.always),
    Guest("Linux 5.10 to newest, vmgenc", "vmgen, kmod/devicetree.c, kmod/device.c",
          (trees.vmgenc_available, trees.vmgenc_reg), trees.place,
          (drivers.vmgenc_address, drivers.vmgenc_ram), trees.vmgenc_hears),
    Guest("FreeBSD, vmgenc(4)", "sys/dev/vmgenc/vmgenc_acpi.c of FreeBSD",
          (trees.no_trees,), trees.place, (), trees.always),
    Guest("NetBSD, acpivmgenid(4)", "sys/dev/acpi/acpi_vmgenid.c of NetBSD",
          (trees.no_trees,), trees.place, (), trees.always),
)


# Rules that refuse what only the memory map tells.
RAM = (drivers.vmgenc_ram, trees.linux_ram)


def judge(machine):
    """Returns: {path: [Judgement]}, for each device and each node."""
    found = {device.path: [decide(guest, machine, device) for guest in ACPI]
             for device in machine.devices}
    for node in machine.nodes:
        found[node.path] = [decide(guest, machine, node) for guest in TREES]
    return found


def decide(guest, machine, device):
    unknown, heard = [], ""
    if_unused = ""
    if machine.memory is None and set(guest.address) & set(RAM):
        if_unused = ", if the kernel does not use that memory (which --iomem tells)"
    try:
        bind(guest, machine, device, unknown)
    except Refused as e:
        return judgement(guest, Mark.FAILS, f"does not bind: {e}")
    except Useless as e:
        return judgement(guest, Mark.FAILS, f"{'may bind' if unknown else 'binds'}, but {e}")
    try:
        heard = guest.hears(machine, device) or ""
    except Refused as e:
        whether = "may bind" if unknown else f"binds{if_unused}"
        return judgement(guest, Mark.FAILS, f"{whether}, but does not hear of changes: {e}")
    except Unknown as e:
        if not unknown:
            return judgement(guest, Mark.UNKNOWN, f"binds{if_unused}; whether it hears of changes "
                             f"is not known: {e}")
    if unknown:
        return judgement(guest, Mark.UNKNOWN, f"whether it binds is not known: "
                         f"{'; '.join(dict.fromkeys(unknown))}")
    beside = [heard, guest.beside(machine, device) if guest.beside else ""]
    return judgement(guest, Mark.HOLDS, f"binds and hears of changes{if_unused}" +
                     "".join(f"; {text}" for text in beside if text))


def bind(guest, machine, device, unknown):
    """What cannot be told goes into the list, unless something is refused for certain."""
    for rule in guest.match:
        attempt(unknown, rule, machine, device)
    places = []
    attempt(unknown, lambda *args: places.append(guest.addr(*args)), machine, device)
    for rule in guest.address if places else ():
        attempt(unknown, rule, machine, places[0])


def attempt(unknown, rule, *arguments):
    try:
        rule(*arguments)
    except Unknown as e:
        unknown.append(str(e))


def judgement(guest, mark, text):
    return Judgement(guest.name, mark, text, guest.source)
