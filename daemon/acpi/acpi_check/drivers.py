# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What drivers for ACPI do with the device, rule by rule; guests.py says which driver has which.

A rule that is content returns nothing.
"""

import re

from acpi_check import identifier, memory
from acpi_check.facts import CHANGED, Form, Other
from acpi_check.text import printable

SIZE = 16
HALF = 1 << 32
# No processor of x86 or ARM addresses more; most address less.
ADDRESS_BITS = 52
PRESENT, FUNCTIONING = 1, 8

# Hosts that are known to notify nobody, by _HID: Xen has no Notify in its tables
# (tools/libacpi/dsdt.asl); bhyve has, and never raises the GPE (usr.sbin/bhyve/vmgenc.c).
SILENT = {"XEN0000": "Xen", "BHYVE_V_GEN_COUNTER_V1": "bhyve"}
REPORT = "; report it to the hypervisor vendor"


class Refused(Exception):
    """The guest does not use the device; the text says why."""


class Useless(Exception):
    """The guest binds, and has nothing of it; the text says why."""


class Unknown(Exception):
    """Whether the guest uses the device cannot be told; the text says why."""


# _HID and _CID, as ACPICA gives them to drivers: in capital letters, without a leading asterisk.

def ids(value):
    """Returns: the IDs; none of them, where ACPICA refuses the object."""
    if value.hardware:
        raise Unknown(f"its names are not known: {printable(value.error)}")
    elements = value.result if isinstance(value.result, tuple) else (value.result,)
    # Of others ACPICA makes an integer, if that can be done, or leaves them out.
    if any(isinstance(element, (tuple, Other)) for element in elements):
        return ()
    return tuple(name.upper().lstrip("*") for name in identifier.texts(value))


def hid(device):
    """Returns: the ID, "" where there is none. ACPICA takes no package there."""
    return "" if isinstance(device.hid.result, tuple) else next(iter(ids(device.hid)), "")


def every(device):
    return (hid(device),) + ids(device.cid)


def linux_named(machine, device):
    if not set(identifier.GENERATION) & set(every(device)):
        raise Refused(f"neither _HID nor _CID is {' or '.join(identifier.GENERATION)}")


def freebsd_named(machine, device):
    name = identifier.GENERATION[0]
    if name not in every(device):
        raise Refused(f"neither _HID nor _CID is {name}, the only ID that it knows")


def freebsd_resource(machine, device):
    """sys/dev/acpica/acpi_resource.c matches too, and with the same priority."""
    for name in ("PNP0C01", "PNP0C02"):
        if name in every(device):
            raise Unknown(f"{name} among its IDs may give it to the driver of system resources "
                          "instead")


def windows_named(machine, device):
    name = identifier.GENERATION[0]
    if name not in ids(device.cid):
        raise Refused(f"{name} is not in _CID")


def windows_unknown(machine, device):
    raise Unknown("it is documented to match VM_Gen_Counter of _CID, but not what it checks of "
                  "ADDR and of the address")


def no_driver(machine, device):
    raise Refused("it has no driver for the device, as far as is known")


def has_hid(machine, device):
    if not hid(device):
        raise Refused("it has no _HID, without which Linux makes no platform device")


def pnp_bus(machine, device):
    """drivers/acpi/acpi_pnp.c takes what has one of its IDs, in _CID too."""
    names = [name for name in every(device) if is_pnp(name)]
    for name in names:
        if name in ("PNP0C01", "PNP0C02"):
            raise Refused(f"{name} among its IDs makes it a device of the PNP bus, so it gets no "
                          "platform device")
    if names:
        raise Unknown(f"{names[0]} among its IDs may make it a device of the PNP bus")


def system_device(machine, device):
    """From 7.0 on drivers/acpi/scan.c looks at PNP0C01 and PNP0C02 in _HID alone."""
    if hid(device) in ("PNP0C01", "PNP0C02"):
        raise Refused(f"its _HID is {hid(device)}, so it gets no platform device")
    names = [name for name in every(device) if is_pnp(name) and
             name not in ("PNP0C01", "PNP0C02")]
    if names:
        raise Unknown(f"{names[0]} among its IDs may make it a device of the PNP bus")


def is_pnp(name):
    return re.fullmatch(r"PNP[0-9A-F]{4}", name) is not None


# _STA

def seen_present(machine, device):
    if device.present is False:
        raise Refused("the device is not present")
    if device.present is None:
        raise Unknown("whether the device is present is not known")


def is_broken(sta):
    return sta.form is not Form.ABSENT and not sta.hardware and not isinstance(sta.result, int)


def linux_present(machine, device):
    if is_broken(device.sta):
        raise Refused("its _STA cannot be evaluated, and so Linux takes it as not present")
    seen_present(machine, device)


def vmgenc_present(machine, device):
    if is_broken(device.sta):
        raise logged("_STA fails, or does not return an integer")
    seen_present(machine, device)


def freebsd_present(machine, device):
    """What is above the device does not count, and one whose _STA fails is there."""
    sta, both = device.sta, PRESENT | FUNCTIONING
    if sta.hardware:
        raise Unknown("whether the device is present is not known")
    if isinstance(sta.result, int) and sta.result & both != both:
        raise Refused(f"_STA gives {sta.result:#x}, and the device has to be present and to "
                      "function")


# ADDR

def result(device):
    """Returns: what ADDR gives; raises Unknown where that is made up."""
    if device.addr.hardware:
        raise Unknown(f"where the ID lies is not known: {printable(device.addr.error)}")
    return device.addr.result


def is_missing(value):
    return value.form is Form.ABSENT or bool(value.error)


def is_pair(value):
    return (isinstance(value, tuple) and len(value) == 2 and
            all(isinstance(half, int) for half in value))


def implicit(device):
    """drivers/acpi/bus.c: unless acpi=strict, a method without a Return gives its last result."""
    if device.addr.form is Form.METHOD and result(device) is None and not device.addr.error:
        raise Unknown("ADDR does not return anything, and Linux then takes its last result, "
                      "which is not known here")


def linux_addr(machine, device):
    value = result(device)
    if is_missing(device.addr):
        raise Refused("ADDR is missing or fails")
    implicit(device)
    if not is_pair(value):
        raise Refused("ADDR gives no package of two integers")
    # Neither half is checked to have 32 bits.
    return (value[0] | value[1] << 32) & (1 << 64) - 1


def any_addr(machine, device):
    return 0


def logged(sentence):
    return Refused(f'it logs "{sentence}{REPORT}"')


def vmgenc_addr(machine, device):
    """The sentences of kmod/acpi.c."""
    value = result(device)
    if is_missing(device.addr):
        raise logged("ADDR is missing or fails")
    implicit(device)
    if value is None:
        raise logged("ADDR returns nothing")
    if not isinstance(value, tuple):
        raise logged("ADDR does not return a package")
    if len(value) != 2:
        raise logged("ADDR does not return two elements")
    if not is_pair(value):
        raise logged("ADDR does not return integers")
    if any(half >= HALF for half in value):
        raise logged("ADDR returns an integer of more than 32 bits")
    return value[0] | value[1] << 32


def freebsd_addr(machine, device):
    """It has room for three objects: the package and two that need no more than themselves."""
    value = result(device)
    if is_missing(device.addr):
        raise Refused("ADDR is missing or fails")
    if isinstance(value, tuple):
        if len(value) > 2 or any(not isinstance(e, int) and e is not None for e in value):
            raise Refused("what ADDR gives is larger than its 72 bytes: it logs "
                          "AE_BUFFER_OVERFLOW")
        if len(value) != 2:
            raise Refused('it logs "Wrong number of results"')
        if not is_pair(value):
            raise Refused('it logs "Wrong type results"')
        return value[0] & HALF - 1 | value[1] << 32 & (1 << 64) - 1
    raise Refused("ADDR gives no package")


def netbsd_addr(machine, device):
    value = result(device)
    if is_missing(device.addr):
        raise Refused('ADDR is missing or fails: it logs "failed to get ADDR"')
    if not is_pair(value) or any(half >= HALF for half in value):
        raise Refused('ADDR gives no package of two integers of 32 bits: it logs "invalid ADDR"'
                      if isinstance(value, tuple) else
                      'ADDR gives no package: it logs "failed to get ADDR"')
    return value[0] | value[1] << 32


# The address

def linux_zero(machine, place):
    if not place:
        raise Useless("what it reads is no ID: the address is zero, which it does not check")


def freebsd_zero(machine, place):
    if not place:
        raise Refused("the address is zero")


def netbsd_zero(machine, place):
    if not place:
        raise Unknown("the address is zero, which it does not check before it maps it")


def addressable(machine, place):
    if place + SIZE > 1 << ADDRESS_BITS:
        raise Refused(f"no processor addresses {place:#x}")


def ram(machine, place):
    """What of the memory map is there and used by the kernel; none, where there is no map."""
    over = memory.over(machine.memory or (), place, SIZE)
    return memory.named(over, memory.RAM)


def linux_ram(machine, place):
    if ram(machine, place):
        raise Useless(f"what it reads is no ID: {place:#x} lies in memory that the kernel uses, "
                      "which it does not check")


def vmgenc_address(machine, place):
    if not place:
        raise logged("the address is zero")
    if place % 8:
        raise logged("the address is not a multiple of 8")
    if place + SIZE > 1 << ADDRESS_BITS:
        raise logged("the address is beyond what this CPU can address")


def vmgenc_ram(machine, place):
    if ram(machine, place):
        raise logged("the address lies in memory that the kernel uses")


# Notifications

def silent(device):
    return SILENT.get(hid(device), "")


def hears(machine, device, wanted):
    """Returns: the events that notify as the guest wants, by the test; raises if none does."""
    events = [e for e in device.events if e.kind not in ("method", "unread") and not e.never]
    if silent(device):
        raise Refused(f"{silent(device)} notifies nobody")
    good = [e for e in events if e.value is not None and wanted(e)]
    if good:
        return good
    unread = [e for e in device.events if e.kind == "unread"]
    loose = [e for e in device.elsewhere if not e.device and not e.never]
    for event in [e for e in events if e.value is None] + unread + loose:
        raise Unknown(f"what {printable(event.source)} notifies is known only when it runs"
                      if event.kind != "unread" else
                      f"the code of {printable(event.source)} cannot be read")
    if not machine.complete:
        raise Unknown("no event of these tables notifies it, and not all of the machine's were "
                      "read")
    raise Refused("no event notifies it" + ("" if not events else
                  f" with {CHANGED:#x}, or by an interrupt that it asks for"))


def linux_hears(machine, device):
    # The driver does not look at the value, which ACPI's core has sorted: below 0x80 it is the
    # system's. evged.c asks for the first interrupt of a descriptor.
    hears(machine, device, lambda event: event.value >= CHANGED and not event.note)


def is_change(event):
    return event.value == CHANGED


def vmgenc_hears(machine, device):
    host = silent(device)
    if host:
        return f"{host} notifies nobody, so its timer looks once a second"
    try:
        hears(machine, device, lambda event: is_change(event) and not event.note)
    except Refused as e:
        raise Refused(f"{e}; it finds a change when the device is read, when the machine wakes "
                      "up, and by its timer if poll_ms is set") from None
    return ""


def of_bsd(machine, device, driver):
    good = hears(machine, device, is_change)
    if all(event.kind == "GED" for event in good):
        raise Unknown(f"the event is a generic event device's, which needs {driver}, and not "
                      "each of its kernels has that")


def freebsd_hears(machine, device):
    of_bsd(machine, device, "acpi_ged")


def netbsd_hears(machine, device):
    of_bsd(machine, device, "acpiged")


def any_hears(machine, device):
    return ""


# What is said beside it

def linux_alignment(machine, device):
    place = linux_addr(machine, device)
    value = device.addr.result
    if any(half >= HALF for half in value):
        return f"a half of ADDR has more than 32 bits, which it does not check: {place:#x}"
    return f"{place:#x} is not a multiple of 8, which it does not check" if place % 8 else ""


def freebsd_beside(machine, device):
    low = device.addr.result[0]
    return f"of {low:#x} it uses the low 32 bits" if low >= HALF else ""
