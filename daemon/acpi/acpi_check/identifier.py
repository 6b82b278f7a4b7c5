# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What _HID and _CID name a device, and whether they may."""

import re

# UAPI.14, and what Hyper-V added to it.
GENERATION = ("VM_GEN_COUNTER", "VMGENCTR")
# The _HIDs of hypervisors that are known to have the device (vmgen-hypervisors(7)), so that one
# of them is found where its _CID is wrong.
VENDORS = ("QEMUVGID", "MSFT1002", "HYPER_V_GEN_COUNTER_V1", "BHYVE_V_GEN_COUNTER_V1", "XEN0000",
           "VMW0001", "FCVMGID")


def texts(value):
    """Returns: the IDs that an object of _HID or _CID gives, as text; "" for what is none."""
    result = value.result
    return tuple(text(element) for element in
                 (result if isinstance(result, tuple) else () if result is None else (result,)))


def text(element):
    if isinstance(element, int):
        return eisa(element)
    return element if isinstance(element, str) else ""


def eisa(number):
    """ACPI 6.5, 19.6.37 (EisaId): three letters of five bits and four hexadecimal digits, in a
    number whose bytes are in the other order. Returns "" where it is none."""
    if number >> 32:
        return ""
    number = int.from_bytes(number.to_bytes(4, "little"), "big")
    letters = [0x40 + (number >> shift & 0x1f) for shift in (26, 21, 16)]
    if number >> 31 or not all(0x41 <= letter <= 0x5a for letter in letters):
        return ""
    return "".join(map(chr, letters)) + f"{number & 0xffff:04X}"


def is_legal(name):
    """ACPI 6.5, 6.1.5 (_HID): of PNP, three capital letters and four digits; of ACPI, four
    capital letters or digits and four digits. All digits are hexadecimal."""
    return re.fullmatch(r"[A-Z]{3}[0-9A-F]{4}|[A-Z0-9]{4}[0-9A-F]{4}", name) is not None
