# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What drivers for device trees do with the device; as drivers.py for ACPI."""

from acpi_check import drivers
from acpi_check.drivers import Refused, Unknown, logged

SIZE = 16


def no_trees(machine, node):
    raise Refused("it looks for the device in ACPI alone")


def available(machine, node):
    if not node.available:
        raise Refused("its status is not okay")
    if not node.populated:
        raise Refused("it lies below what is no simple bus, so it gets no platform device")


def one_reg(machine, node):
    if not node.reg:
        raise Refused("its reg is not the address of memory")


def interrupt(machine, node):
    if not node.interrupts:
        raise Refused("it has no usable interrupt")


def place(machine, node):
    if not node.reg:
        raise Unknown("nothing says where the ID lies")
    return node.reg[0][0]


def linux_alignment(machine, place_):
    if place_ % 8:
        raise Unknown(f"{place_:#x} is not a multiple of 8, which it does not check, and which "
                      "processors may not read from what is mapped as a device")


def linux_ram(machine, place_):
    if drivers.ram(machine, place_):
        raise Refused("the address lies in memory that the kernel uses, which Linux does not map "
                      "as a device")


def always(machine, node):
    return ""


def vmgenc_available(machine, node):
    if not node.available:
        raise Refused('it logs "ignored, its status is not okay"')


def vmgenc_reg(machine, node):
    if node.no_reg:
        raise logged("it has no reg")
    if not node.reg:
        raise logged("its reg is not the address of memory")
    if node.reg[0][1] < SIZE:
        raise logged("its memory is shorter than 16 bytes")


def vmgenc_hears(machine, node):
    return "" if node.interrupts else "it has no usable interrupt, so a timer looks for changes"
