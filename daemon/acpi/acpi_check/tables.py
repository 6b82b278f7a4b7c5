# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Reads ACPI tables: as the kernel shows them, as acpidump and iasl write them, or as source."""

import dataclasses
import os
import pathlib
import re
import stat

from acpi_check.text import printable

# Far more than any machine has; what is longer is no table.
SIZE = 16 << 20
# All files of a directory; and how many files or tables one place may have.
TOTAL = 64 << 20
COUNT = 1000
HEADER = 36

# ACPI 6.5, 5.2.6: the tables with AML. OEM tables are there for LoadTable.
CODE = re.compile(r"DSDT|SSDT|PSDT|OEM.")
# ACPI 6.5, 5.2: these have no header of this form.
HEADLESS = ("FACS", "RSD ")
# "FACP @ 0x00000000BFFE1234", then "    0000: 46 41 ...  FA".
BLOCK = re.compile(rb"(?m)^(.{4}) @ 0x[0-9A-Fa-f]+ *\r?$")
ROW = re.compile(rb"(?m)^ +[0-9A-Fa-f]{4,}: ((?:[0-9A-Fa-f]{2} ){1,16})")


@dataclasses.dataclass(frozen=True)
class Table:
    name: str               # of the file, and in it "#2" for the second
    signature: str
    data: bytes
    # "": all right; or why it cannot be used, in words.
    wrong: str = ""
    # It can be used, but the sum of its bytes is not 0.
    checksum: bool = True

    def is_code(self):
        return not self.wrong and CODE.fullmatch(self.signature) is not None

    def repaired(self):
        """With a right checksum: acpiexec does not load a table without, which Linux does."""
        data = bytearray(self.data)
        data[9] = 0
        data[9] = -sum(data) % 256
        return bytes(data)

    def revision(self):
        return self.data[8]

    def oem_table_id(self):
        return self.data[16:24]


class Unreadable(Exception):
    """The text says why."""


def read_file(path, size=SIZE):
    """Opens no pipe and no device, and reads no more than size bytes."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except PermissionError:
        why = "only root may read it" if os.geteuid() else "it may not be read"
        raise Unreadable(why) from None
    except OSError as e:
        raise Unreadable(e.strerror) from e
    except ValueError:
        raise Unreadable("there is no such name") from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Unreadable("it is no regular file")
        data = b""
        while len(data) <= size and (more := os.read(fd, size + 1 - len(data))):
            data += more
    except OSError as e:
        raise Unreadable(e.strerror) from e
    finally:
        os.close(fd)
    if len(data) > size:
        raise Unreadable(f"it is longer than {size >> 20} MiB")
    return data


def read(paths):
    """Returns: a list of Table, in the order in which firmware's are loaded; those that cannot
    be used say why."""
    found = []
    for path in map(pathlib.Path, paths):
        # Not by pathlib, for which what may not be looked at is an exception.
        found += read_directory(path) if os.path.isdir(path) else read_named(path)[0]
    return reject_others(found)


def read_named(path):
    """Returns: a list of Table, and how many bytes have been read for it."""
    name = printable(str(path))
    try:
        data = read_file(path)
    except Unreadable as e:
        return [Table(name, "", b"", str(e))], 0
    return parse(name, data) or [Table(name, "", b"", "there is no ACPI table in it")], len(data)


def read_directory(directory, below=("dynamic",)):
    """Tables that AML has loaded are in "dynamic"; in "data" is what is no table."""
    found, total = [], 0
    try:
        names = sorted(os.listdir(directory), key=natural)
    except OSError as e:
        return [Table(printable(str(directory)), "", b"", e.strerror)]
    for name in names[:COUNT]:
        path = directory / name
        if name in below and os.path.isdir(path):
            found += read_directory(path, ())
        if os.path.isdir(path):
            continue
        tables, size = read_named(path)
        # Sources and notes may lie beside the tables.
        if is_table_name(name) or not all(table.wrong for table in tables):
            found += tables
        total += size
        if total > TOTAL:
            return found + [rest_of(directory, f"more than {TOTAL >> 20} MiB")]
    if len(names) > COUNT:
        found.append(rest_of(directory, f"more than {COUNT} files"))
    return found


def rest_of(place, amount):
    return Table(printable(str(place)), "", b"", f"it has {amount}, and the rest is not read")


def is_table_name(name):
    """SSDT12, ssdt12.dat, x.aml."""
    return re.fullmatch(r"[A-Z0-9!]{4}\d*|.*\.(?:dat|aml|bin)", name) is not None


def natural(name):
    """SSDT2 is loaded before SSDT10."""
    parts = re.split(r"([0-9]+)", name)
    parts[1::2] = map(int, parts[1::2])
    return parts


def parse(name, data):
    """Returns: a list of Table, empty where the data begins with none."""
    blocks = [] if b"\0" in data else list(BLOCK.finditer(data))
    found = []
    for block, following in zip(blocks[:COUNT], blocks[1:] + [None]):
        table = unhex(data, block, following)
        found.append(parse_table(f"{name}#{len(found) + 1}", table)[0])
    if blocks:
        return found + ([rest_of(name, f"more than {COUNT} tables")] if blocks[COUNT:] else [])
    at, view = 0, memoryview(data)
    while is_signature(data[at:at + 4]):
        if len(found) == COUNT:
            return found + [rest_of(name, f"more than {COUNT} tables")]
        table, size = parse_table(f"{name}#{len(found) + 1}" if at else name, view[at:])
        found.append(table)
        at += size
    if found and at < len(data) and not found[-1].wrong:
        found.append(Table(name, "", b"", f"{len(data) - at} bytes after its last table are "
                           "no table"))
    return found


def unhex(data, block, following):
    text = data[block.end():following.start() if following else len(data)]
    return b"".join(bytes.fromhex(row.decode("ascii")) for row in ROW.findall(text))


def is_signature(data):
    return re.fullmatch(rb"[A-Z0-9_! $]{4}", data) is not None


def parse_table(name, data):
    """Returns: the Table at the beginning of the data, and how many bytes of them it takes."""
    head, there = bytes(data[:HEADER]), len(data)
    signature = printable(head[:4].decode("latin-1"))
    if signature in HEADLESS:
        size = int.from_bytes(head[4:8], "little") if signature == "FACS" else there
        return Table(name, signature, bytes(data[:size])), max(size, 8)
    size = int.from_bytes(head[4:8], "little")
    wrong = ""
    if there < HEADER:
        wrong = f"it has {there} bytes, and the header alone has {HEADER}"
    elif size < HEADER:
        wrong = f"its header says that it has {size} bytes, and the header alone has {HEADER}"
    elif size > there:
        wrong = f"its header says that it has {size} bytes, and there are {there}"
    if wrong:
        return Table(name, signature, b"", wrong), there
    table = bytes(data[:size])
    return Table(name, signature, table, checksum=sum(table) % 256 == 0), size


def reject_others(found):
    """A machine has one DSDT."""
    tables, first = [], None
    for table in found:
        if table.signature == "DSDT" and not table.wrong:
            if first is not None:
                table = dataclasses.replace(table, wrong=f"a machine has one DSDT, and that is "
                                            f"{first.name} here")
            else:
                first = table
        tables.append(table)
    return tables
