# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The command line, and the way from what is read to what is printed."""

import argparse
import re
import sys

from acpi_check import (VERSION, devicetree, events, guests, memory, namespace, report,
                        requirements, tables)
from acpi_check.facts import Machine
from acpi_check.interpreter import Failure, Interpreter, Missing, is_path
from acpi_check.text import printable

TABLES = "/sys/firmware/acpi/tables"
IOMEM = "/proc/iomem"
TREE_MAGIC = b"\xd0\x0d\xfe\xed"
SOURCES = (".asl", ".dsl")
# ACPI 6.5, 5.2.9 (FADT): Flags; HW_REDUCED_ACPI.
FLAGS, REDUCED = 112, 1 << 20


def setting(text):
    path, _, value = text.partition("=")
    if not is_path(path):
        raise argparse.ArgumentTypeError(f'"{printable(path)}" is no path of ACPI, as '
                                         "\\_SB.VGEN.GCAL is")
    if not re.fullmatch(r"0x[0-9A-Fa-f]{1,16}|[0-9]{1,19}", value):
        raise argparse.ArgumentTypeError(f'"{printable(value)}" is no number, as 0x1000 is')
    return path, int(value, 0)


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="vmgen-acpi-check", allow_abbrev=False,
        description="Says whether the generation ID device that firmware describes obeys its "
                    "specification, and what guests make of it.",
        epilog="exit status: 0 it obeys, 1 it does not, 2 that cannot be told, 3 no device")
    parser.add_argument("files", metavar="FILE", nargs="*",
                        help="ACPI tables, one or several, as acpidump or iasl wrote them; a "
                             "directory of them; or a device tree (.dtb); this machine's tables "
                             "if there is none")
    parser.add_argument("--iomem", metavar="FILE", help="the guest's memory map, in the form of "
                        "/proc/iomem, which is used for this machine's tables")
    parser.add_argument("--dtb", metavar="FILE", action="append", default=[],
                        help="a device tree")
    parser.add_argument("--set", metavar="PATH=VALUE", action="append", type=setting, default=[],
                        help="what a field or name holds that only the machine knows")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    parser.add_argument("--version", action="version", version=f"vmgen-acpi-check {VERSION}")
    return parser.parse_args(arguments)


def is_tree(path):
    try:
        return tables.read_file(path).startswith(TREE_MAGIC)
    except tables.Unreadable:
        return False


class Reading:
    """What of the machine has been read so far; a part that is missing says why in unread."""

    def __init__(self):
        self.unread = []
        self.devices = ()
        self.nodes = ()
        self.memory = None
        self.tables = []
        self.interpreter = ""

    def read_memory(self, path):
        try:
            self.memory = memory.read(path)
        except memory.Unreadable as e:
            self.unread.append(str(e))

    def read_trees(self, paths):
        for path in paths:
            try:
                self.nodes += tuple(devicetree.read(path))
            except (ValueError, OSError) as e:
                self.unread.append(f"{printable(str(path))}: {e}")

    def read_tables(self, paths, values):
        self.tables = tables.read(paths)
        self.unread += [f"{t.name}: {t.wrong}" for t in self.tables if t.wrong]
        if not any(table.is_code() for table in self.tables):
            return
        try:
            with Interpreter(self.tables, values) as interpreter:
                listing = interpreter.listing()
                self.interpreter = f"ACPICA {listing.version}"
                self.unread += [f"{name} is in none of the tables, and what is in it is left out"
                                for name in listing.unresolved]
                found = namespace.devices(interpreter)
                self.devices = tuple(events.find(interpreter, found))
        except Failure as e:
            self.unread.append(str(e))

    def machine(self):
        code = [table for table in self.tables if table.is_code()]
        dsdt = [table for table in code if table.signature == "DSDT"]
        fadt = [t for t in self.tables if t.signature == "FACP" and not t.wrong]
        flags = int.from_bytes(fadt[0].data[FLAGS:FLAGS + 4], "little") if fadt else 0
        return Machine(devices=self.devices, nodes=self.nodes, memory=self.memory,
                       revision=dsdt[0].revision() if dsdt else 2,
                       reduced=bool(flags & REDUCED), unread=tuple(self.unread),
                       complete=bool(dsdt or self.nodes) and not self.unread,
                       bad_checksums=tuple(t.name for t in self.tables if not t.checksum),
                       interpreter=self.interpreter)


def read(options):
    reading = Reading()
    trees = options.dtb + [path for path in options.files if is_tree(path)]
    files = [path for path in options.files if path not in trees]
    own = not options.files and not options.dtb
    if options.iomem:
        reading.read_memory(options.iomem)
    elif own:
        reading.read_memory(IOMEM)
    reading.read_trees(trees)
    if own:
        files = [TABLES]
    if files:
        reading.read_tables(files, dict(options.set))
    return reading.machine()


def main(arguments=None):
    options = parse(arguments)
    try:
        machine = read(options)
    except Missing as e:
        print(f"vmgen-acpi-check: {e}", file=sys.stderr)
        return report.UNKNOWN
    verdicts, judgements = requirements.judge(machine), guests.judge(machine)
    form = report.as_json if options.json else report.text
    sys.stdout.write(form(machine, verdicts, judgements, VERSION))
    return report.status(machine, verdicts)
