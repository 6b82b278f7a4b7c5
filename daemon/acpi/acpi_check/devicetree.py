# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The device in a device tree: Linux, Documentation/devicetree/bindings/rng/microsoft,vmgenid.yaml;
Devicetree Specification 0.4 for what holds for each node."""

import struct

from acpi_check import tables
from acpi_check.facts import Node
from acpi_check.text import printable, quoted

NAME, VMCLOCK = "microsoft,vmgenid", "amazon,vmclock"
# Linux on ARM takes 2 MiB (Documentation/arch/arm64/booting.rst).
SIZE = 8 << 20
# Deeper than any machine's, and as many as that.
DEPTH, NODES = 64, 50000
# Of properties that are lists.
ENTRIES = 1000
MISSING = "python3-libfdt is not installed: install the package python3-libfdt"

# What Linux looks below for devices (drivers/of/platform.c).
BUSES = ("simple-bus", "simple-mfd", "isa", "arm,amba-bus")


class Tree:
    """A flattened device tree that libfdt has checked; properties are bytes."""

    def __init__(self, data, libfdt):
        self.libfdt = libfdt
        check(data, libfdt)
        self.fdt = libfdt.FdtRo(data)
        self.props = {}         # {offset: {name: bytes}}
        self.parents = {}       # {offset: offset of the node above; None: the root}
        self.phandles = {}      # {phandle: offset}
        self._walk()

    def _walk(self):
        above, offset, depth = [], 0, 0
        while offset >= 0 and depth >= 0:
            if depth >= DEPTH or len(self.parents) >= NODES:
                raise ValueError(f"it has more than {DEPTH} levels or {NODES} nodes")
            self.parents[offset] = above[depth - 1] if depth else None
            above[depth:] = [offset]
            for name in ("phandle", "linux,phandle"):
                handle = self.cell(offset, name)
                if handle:
                    self.phandles.setdefault(handle, offset)
            offset, depth = self.fdt.next_node(offset, depth, (self.libfdt.NOTFOUND,))

    def prop(self, offset, name):
        """Returns: its bytes, or None."""
        if offset not in self.props:
            self.props[offset] = dict(self._props(offset))
        return self.props[offset].get(name)

    def _props(self, offset):
        """Not by getprop(): that of 1.6.1 gives away a reference to None with each property that
        is not there, until Python ends (seen with Debian 12's 3.11)."""
        missing = (self.libfdt.NOTFOUND,)
        at = self.fdt.first_property_offset(offset, missing)
        while at >= 0:
            found = self.fdt.get_property_by_offset(at)
            yield found.name, bytes(found)
            at = self.fdt.next_property_offset(at, missing)

    def cell(self, offset, name, default=None):
        value = self.prop(offset, name)
        return struct.unpack(">L", value)[0] if value is not None and len(value) == 4 else default

    def strings(self, offset, name):
        value = self.prop(offset, name) or b""
        return tuple(part.decode("ascii", "replace") for part in value.split(b"\0") if part)

    def name(self, offset):
        return self.fdt.get_name(offset)

    def path(self, offset):
        names = []
        while self.parents[offset] is not None:
            names.insert(0, self.name(offset))
            offset = self.parents[offset]
        return "/" + "/".join(names)

    def children(self, offset):
        return [node for node, parent in self.parents.items() if parent == offset]

    def status(self, offset):
        """Returns: "okay" or what stands there."""
        found = self.strings(offset, "status")
        return "okay" if not found or found[0] == "ok" else found[0]


def check(data, libfdt):
    """libfdt reads as far as the header says, so that is compared with what is there first."""
    size = int.from_bytes(data[4:8], "big")
    if len(data) < 40 or size > len(data):
        raise ValueError(f"its header says that it has {size} bytes, and there are {len(data)}")
    wrong = libfdt.fdt_check_full(bytearray(data), len(data))
    if wrong:
        raise ValueError(f"libfdt refuses it ({printable(libfdt.strerror(wrong))})")


def read(path):
    """Returns: the nodes of this device tree; ValueError says what is wrong with it."""
    try:
        data = bytes(tables.read_file(path, SIZE))
        import libfdt
    except tables.Unreadable as e:
        raise ValueError(str(e)) from None
    except ImportError:
        raise ValueError(MISSING) from None
    try:
        tree = Tree(data, libfdt)
        return tuple(nodes(tree))
    except (UnicodeError, TypeError, SystemError):
        # So libfdt's Python takes a name that is no text.
        raise ValueError("it cannot be read: a name in it is no text") from None
    except libfdt.FdtException as e:
        raise ValueError(f"it cannot be read ({printable(str(e))})") from None


def nodes(tree):
    clocks = [tree.path(o) for o in tree.parents if VMCLOCK in tree.strings(o, "compatible")]
    for offset in tree.parents:
        if NAME in tree.strings(offset, "compatible"):
            yield node(tree, offset, clocks)


def node(tree, offset, clocks):
    wrong = []
    reg = read_reg(tree, offset, wrong)
    interrupts = read_interrupts(tree, offset, wrong)
    status = tree.status(offset)
    if status != "okay":
        wrong.append(f"its status is {quoted(status)}, so a guest does not see it")
    if len(reg) > 1:
        wrong.append(f"reg has {len(reg)} ranges, and the binding has one")
    for start, size in reg[:1]:
        wrong += in_memory(tree, start, min(size, 16))
    notes = [f"there is a VMClock ({VMCLOCK}) too, {printable(clock)}" for clock in clocks]
    return Node(path=tree.path(offset), compatible=tree.strings(offset, "compatible"),
                reg=tuple(reg), interrupts=tuple(interrupts), wrong=tuple(wrong),
                notes=tuple(notes), available=status == "okay", populated=populated(tree, offset),
                no_reg=tree.prop(offset, "reg") is None)


def populated(tree, offset):
    offset = tree.parents[offset]
    while offset is not None and tree.parents[offset] is not None:
        if tree.status(offset) != "okay" or \
                not set(BUSES) & set(tree.strings(offset, "compatible")):
            return False
        offset = tree.parents[offset]
    return True


def cells(tree, offset):
    """Of the addresses and sizes of what is below the node."""
    return tree.cell(offset, "#address-cells", 2), tree.cell(offset, "#size-cells", 1)


def entries(value, sizes):
    """Returns: a list, with the numbers of each entry; None: it is not made of such."""
    size = 4 * sum(sizes)
    if not size or len(value) % size or len(value) // size > ENTRIES:
        return None
    found = []
    for at in range(0, len(value), size):
        numbers = []
        for count in sizes:
            numbers.append(int.from_bytes(value[at:at + 4 * count], "big"))
            at += 4 * count
        found.append(tuple(numbers))
    return found


def read_reg(tree, offset, wrong):
    """Returns: a list of (address, size) as the CPU sees them."""
    value, parent = tree.prop(offset, "reg"), tree.parents[offset]
    if value is None or parent is None:
        wrong.append("it has no reg")
        return []
    sizes = cells(tree, parent)
    if not 1 <= sizes[0] <= 2 or not 0 <= sizes[1] <= 2:
        wrong.append(f"#address-cells above it is {sizes[0]} and #size-cells {sizes[1]}, so its "
                     "reg is not the address of memory")
        return []
    found = entries(value, sizes)
    if not found:
        wrong.append(f"reg has {len(value)} bytes, which is no list of {sizes[0]} cells of "
                     f"address and {sizes[1]} of size")
        return []
    translated = [translate(tree, parent, *range_) for range_ in found]
    if None in translated:
        wrong.append("the ranges of a bus above it do not have its address")
        return []
    return translated


def translate(tree, bus, start, size):
    """Through the ranges of all above; None: there is no way."""
    while tree.parents[bus] is not None:
        above = tree.parents[bus]
        value = tree.prop(bus, "ranges")
        if value is None:
            return None
        if value:
            child, length = cells(tree, bus)
            parent = cells(tree, above)[0]
            if not (1 <= child <= 2 and 1 <= parent <= 2 and 1 <= length <= 2):
                return None
            for from_, to, room in entries(value, (child, parent, length)) or ():
                if from_ <= start and start + size <= from_ + room:
                    start = start - from_ + to
                    break
            else:
                return None
        bus = above
    return start, size


def read_interrupts(tree, offset, wrong):
    """Returns: a list, of the cells of each."""
    extended = tree.prop(offset, "interrupts-extended")
    if extended is not None:
        return read_extended(tree, extended, wrong)
    value = tree.prop(offset, "interrupts")
    if value is None:
        wrong.append("it has no interrupt, so nobody tells of a change")
        return []
    parent = interrupt_parent(tree, offset)
    if parent is None:
        wrong.append("interrupt-parent, of it or above it, leads to no interrupt controller")
        return []
    count = tree.cell(parent, "#interrupt-cells")
    found = entries(value, (1,) * count) if 1 <= count <= 16 else None
    if not found:
        wrong.append(f"interrupts has {len(value)} bytes, and {printable(tree.path(parent))} has "
                     f"{count} cells for each")
        return []
    return found


def read_extended(tree, value, wrong):
    if not value or len(value) % 4 or len(value) > 4 * ENTRIES:
        wrong.append("interrupts-extended is no list of cells")
        return []
    words, found, at = struct.unpack(f">{len(value) // 4}L", value), [], 0
    while at < len(words):
        parent = tree.phandles.get(words[at])
        count = 0 if parent is None else tree.cell(parent, "#interrupt-cells", 0)
        if not 1 <= count <= 16 or at + 1 + count > len(words) or not is_controller(tree, parent):
            wrong.append("interrupts-extended leads to no interrupt controller")
            return []
        found.append(tuple(words[at + 1:at + 1 + count]))
        at += 1 + count
    return found


def interrupt_parent(tree, offset):
    """As Linux looks for it (drivers/of/irq.c); None: there is none."""
    for _ in range(DEPTH):
        handle = tree.cell(offset, "interrupt-parent")
        offset = tree.parents[offset] if handle is None else tree.phandles.get(handle)
        if offset is None:
            return None
        if tree.cell(offset, "#interrupt-cells") is not None:
            return offset if is_controller(tree, offset) else None
    return None


def is_controller(tree, offset):
    return any(tree.prop(offset, name) is not None
               for name in ("interrupt-controller", "interrupt-map"))


def in_memory(tree, start, size):
    """Returns: a list of problems. What lies in a memory node is the kernel's, unless it is
    reserved and not mapped (Devicetree Specification 0.4, 3.4 and 3.5)."""
    top = tree.children(0)
    memory = [range_ for child in top if "memory" in tree.strings(child, "device_type")
              for range_ in read_reg(tree, child, [])]
    if not any(a < start + size and start < a + s for a, s in memory):
        return []
    for child in top:
        if tree.name(child) != "reserved-memory":
            continue
        for area in tree.children(child):
            if tree.prop(area, "no-map") is not None and tree.status(area) == "okay" and any(
                    a <= start and start + size <= a + s for a, s in read_reg(tree, area, [])):
                return []
    return [f"the ID at {start:#x} lies in a memory node, and no node of reserved-memory with "
            "no-map has it, so the operating system uses it"]
