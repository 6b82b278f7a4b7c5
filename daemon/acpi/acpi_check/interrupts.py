# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The interrupts that a _CRS names (ACPI 6.5, 6.4)."""

# Small descriptors have their length in the lowest three bits, large ones in two bytes.
LARGE, IRQ, END, EXTENDED = 0x80, 0x04, 0x0f, 0x89


class Unreadable(Exception):
    """It is no list of resources."""


class Beside(Exception):
    """There is more in it than interrupts."""


def read(data):
    """Returns: a list, with "E" or "L" (edge, level) and the numbers of each descriptor of
    interrupts."""
    found, at = [], 0
    while at < len(data):
        first = data[at]
        if first & LARGE:
            kind, size, at = first, int.from_bytes(data[at + 1:at + 3], "little"), at + 3
        else:
            kind, size, at = first >> 3, first & 7, at + 1
        if kind == END:
            return found
        if at + size > len(data):
            break
        numbers = descriptor(kind, data[at:at + size])
        if not numbers:
            raise Beside
        found.append((trigger(kind, data[at:at + size]), numbers))
        at += size
    raise Unreadable


def descriptor(kind, data):
    if kind == IRQ and len(data) >= 2:
        mask = int.from_bytes(data[:2], "little")
        return tuple(number for number in range(16) if mask >> number & 1)
    if kind == EXTENDED and len(data) >= 2 and len(data) >= 2 + 4 * data[1]:
        return tuple(int.from_bytes(data[i:i + 4], "little")
                     for i in range(2, 2 + 4 * data[1], 4))
    return ()


def trigger(kind, data):
    """ACPI 6.5, 6.4.2.1 (without its third byte it is by edge) and 6.4.3.6."""
    if kind == IRQ:
        return "E" if len(data) < 3 or data[2] & 1 else "L"
    return "E" if data[0] & 2 else "L"
