# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The command line, and the way from what is read to what is printed."""

import argparse
import errno
import os
import re
import resource
import signal
import sys
import traceback

from acpi_check import (VERSION, devicetree, events, fadt, guests, memory, namespace, report,
                        requirements, source, tables)
from acpi_check.answer import is_path
from acpi_check.child import Failure, Missing
from acpi_check.facts import Machine
from acpi_check.interpreter import Interpreter
from acpi_check.text import MESSAGE, printable

TABLES = "/sys/firmware/acpi/tables"
IOMEM = "/proc/iomem"
TREE_MAGIC = b"\xd0\x0d\xfe\xed"
# Devices, and messages of one kind.
MOST = 32
# Of the whole run. A machine with 200 tables takes less than a tenth of it.
SECONDS = 120
MEMORY = 2 << 30


def setting(text):
    path, _, value = text.partition("=")
    if not is_path(path):
        raise argparse.ArgumentTypeError(f'"{printable(path)}" is no path of ACPI, as '
                                         "\\_SB.VGEN.GCAL is")
    if not re.fullmatch(r"0x[0-9A-Fa-f]{1,16}|[0-9]{1,19}", value):
        raise argparse.ArgumentTypeError(f'"{printable(value)}" is no number, as 0x1000 is')
    return path, int(value, 16 if value.startswith("0x") else 10)


class Parser(argparse.ArgumentParser):
    """What a shell makes of * may have the names of others' files in it."""

    def error(self, message):
        super().error(printable(message, MESSAGE))


def parse(arguments):
    parser = Parser(
        prog="vmgen-acpi-check", allow_abbrev=False,
        description="Says whether the generation ID device that firmware describes obeys its "
                    "specification, and what guests make of it.",
        epilog="exit status: 0 it obeys, 1 it does not, 2 that cannot be told, 3 no device")
    parser.add_argument("files", metavar="FILE", nargs="*",
                        help="ACPI tables, one or several, as acpidump or iasl wrote them; a "
                             "directory of them; ASL (.asl, .dsl); or a device tree (.dtb). "
                             f"Without any: {TABLES}")
    parser.add_argument("--iomem", metavar="FILE", help="the guest's memory map, in the form of "
                        "/proc/iomem, which is used for this machine's tables")
    parser.add_argument("--dtb", metavar="FILE", action="append", default=[],
                        help="a device tree")
    parser.add_argument("--set", metavar="PATH=VALUE", action="append", type=setting, default=[],
                        help="what a field or name holds that only the machine knows")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    parser.add_argument("--version", action="version", version=f"vmgen-acpi-check {VERSION}")
    # Tables and options in any order.
    return parser.parse_intermixed_args(arguments)


def is_tree(path):
    try:
        return tables.read_file(path).startswith(TREE_MAGIC)
    except tables.Unreadable:
        return False


def some(problems):
    """As many as somebody would read."""
    problems = list(problems)
    rest = len(problems) - MOST
    return problems[:MOST] + ([f"{rest} more like this one"] if rest > 0 else [])


class Reading:
    """What of the machine has been read so far; a part that is missing says why in unread."""

    def __init__(self):
        self.unread = []
        self.remarks = []
        self.devices = ()
        self.nodes = ()
        self.memory = None
        self.tables = []
        self.interpreter = ""

    def read_memory(self, path, problems):
        try:
            self.memory = memory.read(path)
        except memory.Unreadable as e:
            problems.append(str(e))

    def read_trees(self, paths):
        for path in paths:
            try:
                self.nodes += tuple(devicetree.read(path))
            except (ValueError, OSError) as e:
                self.unread.append(f"{printable(str(path))}: {e}")

    def read_tables(self, paths, values):
        for path in paths:
            is_source = str(path).endswith(source.SUFFIXES)
            self.tables += source.read(path) if is_source else tables.read([path])
        self.tables = tables.reject_others(self.tables)
        self.unread += some(f"{t.name}: {t.wrong}" for t in self.tables if t.wrong)
        self.remarks += some(f"{t.name}: the sum of its bytes is not 0, so its checksum is wrong"
                             for t in self.tables if not t.checksum)
        if not any(table.is_code() for table in self.tables):
            return
        try:
            with Interpreter(self.tables, values) as interpreter:
                self.interpret(interpreter)
        except Missing:
            raise
        except Failure as e:
            self.unread.append(str(e))

    def interpret(self, interpreter):
        listing = interpreter.listing()
        self.interpreter = f"ACPICA {listing.version}"
        # Where all tables are here, the operating system does not find it either.
        problems = self.remarks if interpreter.is_complete() else self.unread
        problems += some(f"{name} is in no table here; what needs it is left out"
                         for name in listing.unresolved)
        self.remarks += some(f"{name} is made twice; the second one, with what is in it, is left "
                             "out" for name in listing.twice)
        self.unread += some(f"{path} has a name that ACPI does not allow, so it is left out"
                            for path in interpreter.unnamed())
        found, unknown = namespace.find(interpreter)
        self.unread += some(f"{path} has an ID that could not be evaluated, so it may be one"
                            for path in unknown)
        if len(found) > MOST:
            self.unread.append(f"there are {len(found)} devices, of which {MOST} are looked at")
        # Also without a device: ACPICA loads the beginning of what is no code.
        self.unread += some(f"{name}: iasl cannot disassemble its code, so an event in it is "
                            "not seen" for name in interpreter.undisassembled())
        if found:
            self.devices = namespace.devices(interpreter, found[:MOST])
            self.devices = tuple(events.find(interpreter, self.devices))

    def machine(self):
        code = [table for table in self.tables if table.is_code()]
        dsdt = [table for table in code if table.signature == "DSDT"]
        table = fadt.of(self.tables)
        return Machine(devices=self.devices, nodes=self.nodes, memory=self.memory,
                       revision=dsdt[0].revision() if dsdt else 2,
                       reduced=table is not None and fadt.is_reduced(table),
                       unread=tuple(self.unread), remarks=tuple(self.remarks),
                       complete=bool(dsdt) and not any(t.wrong for t in self.tables),
                       bad_checksums=tuple(t.name for t in self.tables if not t.checksum),
                       interpreter=self.interpreter)


def read(options):
    reading = Reading()
    trees = options.dtb + [path for path in options.files if is_tree(path)]
    files = [path for path in options.files if path not in trees]
    if not options.files and not options.dtb:
        files = [TABLES]
    if options.iomem:
        reading.read_memory(options.iomem, reading.unread)
    elif files == [TABLES]:
        reading.read_memory(IOMEM, reading.remarks)
    reading.read_trees(trees)
    reading.read_tables(files, dict(options.set))
    return reading.machine()


def stop(number, _):
    """The scratch directories are removed on the way."""
    sys.exit(128 + number)


def main(arguments=None):
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    signal.signal(signal.SIGALRM, too_long)
    bound()
    try:
        return check(options)
    except (Failure, Late) as e:
        why = str(e)
    except MemoryError:
        why = f"what was given needs more than {MEMORY >> 20} MiB of memory"
    except RecursionError:
        why = "what was given has too many levels"
    except Exception as e:
        # Python would end with 1, which says that the device does not obey, and would print what
        # others wrote as it is.
        frame = traceback.extract_tb(e.__traceback__)[-1]
        why = (f"a fault of this program, {type(e).__name__} in "
               f"{os.path.basename(frame.filename)}, line {frame.lineno}: "
               f"{printable(str(e))}; report it, with what was given")
    finally:
        signal.alarm(0)
    print(f"vmgen-acpi-check: {why}", file=sys.stderr)
    return report.UNKNOWN


def bound():
    """The programs that it runs have bounds of their own; what they print is read here, and takes
    time and memory too."""
    signal.alarm(SECONDS)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY or soft > MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, hard))


class Late(Exception):
    """No Failure, as who catches one goes on."""


def too_long(*_):
    raise Late(f"what was given cannot be judged within {SECONDS} seconds")


def check(options):
    machine = read(options)
    verdicts, judgements = requirements.judge(machine), guests.judge(machine)
    form = report.as_json if options.json else report.text
    try:
        print(form(machine, verdicts, judgements, VERSION), end="", flush=True)
    except OSError as e:
        # Nobody reads it, or the disk is full.
        sys.stdout = None
        if e.errno != errno.EPIPE:
            print(f"vmgen-acpi-check: cannot write the report: {e.strerror}", file=sys.stderr)
        return report.UNKNOWN
    return report.status(machine, verdicts)
