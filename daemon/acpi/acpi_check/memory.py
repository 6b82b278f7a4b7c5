# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The guest's memory map, in the form of Linux's /proc/iomem."""

import re

from acpi_check import tables
from acpi_check.facts import Range
from acpi_check.text import printable

LINE = re.compile(r"( *)([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)")
SIZE = 1 << 20
PAGE = 4096

# As Linux names them (arch/x86/kernel/e820.c, e820_type_to_string(); for device trees and UEFI
# on ARM, "reserved"). What lies in RAM is a line below it.
RAM = "System RAM"
# UEFI's EfiACPIReclaimMemory, E820's type 3, ACPI's AddressRangeACPI.
RECLAIM = "ACPI Tables"
NVS = "ACPI Non-volatile Storage"


class Unreadable(Exception):
    """There is no map; the text says why."""


def read(path):
    """Returns: a tuple of Range; nested ones come after what they lie in."""
    try:
        data = tables.read_file(path, SIZE)
    except tables.Unreadable as e:
        raise Unreadable(f"{printable(str(path))}: {e}") from None
    found = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        match = LINE.fullmatch(line)
        if match is None or len(match.group(1)) % 2:
            raise Unreadable(f"{printable(str(path))}: line {number} is none of /proc/iomem: "
                             f"{printable(line)}")
        start, end = int(match.group(2), 16), int(match.group(3), 16)
        if end < start:
            raise Unreadable(f"{printable(str(path))}: line {number} ends before it begins")
        found.append(Range(start, end, match.group(4), len(match.group(1)) // 2))
    if not any(r.end for r in found):
        raise Unreadable(f"{printable(str(path))}: " + (
            "all addresses in it are zero, as Linux shows them to all but root" if found else
            "there is nothing in it"))
    return tuple(found)


def over(memory, start, size):
    """The ranges that have some of these bytes."""
    return [r for r in memory if r.start < start + size and start <= r.end]


def named(ranges, name):
    """Of memory that was added, the name goes on with the driver's, "System RAM (virtio_mem)"
    (mm/memory_hotplug.c, add_memory_driver_managed())."""
    return [r for r in ranges if r.name == name or r.name.startswith(f"{name} (")]


def covers(ranges, start, size):
    """Whether the top ranges have all of these bytes."""
    at = start
    for r in sorted((r for r in ranges if r.depth == 0), key=lambda r: r.start):
        if r.start <= at <= r.end:
            at = r.end + 1
    return at >= start + size


def page_of(start, size):
    """The pages that have these bytes: their beginning and how long they are."""
    first = start // PAGE * PAGE
    return first, -(-(start + size) // PAGE) * PAGE - first


def text(r):
    return f"{printable(r.name)} ({r.start:#x}-{r.end:#x})"


# What the processor caches: memory, no matter what uses it. "PCI Bus 0000:00" is a window, in which
# nothing is mapped yet.
CACHED = re.compile(r"System RAM(?: \(.*\))?|Reserved|reserved|ACPI .*|.*ROM|Kernel .*|"
                    r"Crash kernel|Unusable memory|Persistent Memory.*|Soft Reserved|"
                    r"RAM buffer|PCI Bus .*")
PCI = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def uncached(memory, start, size):
    """The other ranges of the pages that have these bytes, as far as they are devices'. A window
    of a bus counts where it is all that has the ID: the operating system gives from it."""
    first, length = page_of(start, size)
    mine = over(memory, start, size)
    found = [r for r in over(memory, first, length)
             if not CACHED.fullmatch(r.name) and not is_own(r, start, size)]
    if not found and mine and all(r.name.startswith("PCI Bus ") for r in mine):
        found = mine[-1:]
    return found


def is_own(r, start, size):
    """A driver of the ID has claimed it, and no more than its pages. What has the name of a PCI
    device is one's register."""
    first, length = page_of(start, size)
    around = first <= r.start <= start and start + size - 1 <= r.end < first + length
    return around and not PCI.fullmatch(r.name)
