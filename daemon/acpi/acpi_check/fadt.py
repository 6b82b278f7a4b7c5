# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the FADT says of the machine's events (ACPI 6.5, 5.2.9, table 5.9)."""

# Where its fields lie. ACPI 1.0's has 116 bytes, and no HW_REDUCED_ACPI.
GPE0_BLK, GPE1_BLK, GPE0_BLK_LEN, GPE1_BLK_LEN, GPE1_BASE = 80, 84, 92, 93, 94
FLAGS, X_GPE0_BLK, X_GPE1_BLK = 112, 220, 232
HW_REDUCED_ACPI = 1 << 20
SHORTEST = 116
# Of a generic address: its address begins after four bytes.
ADDRESS = 4


def of(tables):
    """Returns: the FADT, or None."""
    for table in tables:
        if table.signature == "FACP" and not table.wrong and len(table.data) >= SHORTEST:
            return table
    return None


def is_reduced(table):
    return bool(at(table, FLAGS, 4) & HW_REDUCED_ACPI)


def gpes(table):
    """Returns: the numbers that GPEs can have. Each has a bit to say that it happened and one to
    be enabled by, so a block of 4 bytes has 16."""
    if is_reduced(table):
        return frozenset()
    found = set()
    for base, block, extended, size in (
            (0, GPE0_BLK, X_GPE0_BLK, GPE0_BLK_LEN),
            (at(table, GPE1_BASE, 1), GPE1_BLK, X_GPE1_BLK, GPE1_BLK_LEN)):
        if at(table, block, 4) or at(table, extended + ADDRESS, 8):
            found.update(range(base, base + at(table, size, 1) // 2 * 8))
    return frozenset(found)


def at(table, offset, size):
    """What is beyond the table's end is zero."""
    return int.from_bytes(table.data[offset:offset + size], "little")
