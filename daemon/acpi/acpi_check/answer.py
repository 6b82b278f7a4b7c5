# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What acpiexec's text says. Each form of it was seen with 20200925 and with 20250404."""

import dataclasses
import re

from acpi_check.facts import Other

# Deeper packages are nobody's ID or address.
DEPTH = 16
BREAK = "**break** Executed AML BreakPoint opcode"

PATH = re.compile(r"\\[A-Z_][A-Z0-9_]{0,3}(?:\.[A-Z_][A-Z0-9_]{0,3})*")
# Level, name, type, address of the node, number of the table.
LINE = re.compile(r"(?m)^ *(\d+) {2,}(.{4}) (\w+) +0x([0-9a-f]+) ([0-9A-F]{3})\b(.*)")
TABLE = re.compile(r"(?m)^Table \[(.{4}): ?(.{8})\] \(id ([0-9A-F]{2,})\)")
SYMBOL = re.compile(r"(?:Could not resolve symbol \[(.+?)\], AE_|"
                    r"named reference package element - (.+?) \()")
# It comes in the middle of a line, where a name that ACPI does not allow is printed.
REPAIRED = re.compile(r"ACPI Warning: Invalid character\(s\) in name .*\n")
TWICE = re.compile(r"Failure creating named object \[(\\\S+)\], AE_ALREADY_EXISTS")
UNSET = re.compile(r"(?m)^Init file entry not found in namespace .*: (\\\S+)$")
VERSION = re.compile(r"version (\d{8})\b")
OBJECT = re.compile(r"( *)\[([A-Za-z ]+)\](.*)")
BYTES = re.compile(r" *[0-9A-F]{4,}: ((?:[0-9A-F]{2} )+)")
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of the namespace."""
    path: str
    kind: str               # "Device", "Method", "Integer", "RegionField"
    node: str               # where it lies, as other messages of the same process name it
    owner: int              # the number of the table that made it; 0: none
    rest: str = ""          # the beginning of what a string or an integer holds, for example

    def may_be(self, texts):
        """Whether it may give one of these. Most that are none are known without evaluating."""
        return self.kind != "String" or any(f'"{text}"' in self.rest.upper() for text in texts)


@dataclasses.dataclass(frozen=True)
class Listing:
    version: str            # "20250404"
    entries: dict           # {path: Entry}
    loaded: tuple           # of (signature, OEM table ID, number), in the order of loading
    unresolved: tuple       # names that the tables use at loading, and that none of them has
    twice: tuple            # names that are made a second time, which ACPICA passes over
    unset: tuple            # what was to be given a value and is not there


@dataclasses.dataclass(frozen=True)
class Evaluation:
    result: object = None   # as of facts.Value
    error: str = ""
    missing: tuple = ()     # names that were needed, and that no table has
    lost: bool = False      # the error is one of acpiexec, not of the table


def is_path(path):
    return PATH.fullmatch(path) is not None


class Unreadable(Exception):
    """acpiexec printed what nobody expects."""


def listing(start, namespace):
    version = VERSION.search(start)
    loaded = tuple((signature, oem, int(number, 16))
                   for signature, oem, number in TABLE.findall(start))
    return Listing(version.group(1) if version else "", entries(namespace), loaded,
                   unresolved(start), tuple(dict.fromkeys(TWICE.findall(start))),
                   tuple(UNSET.findall(start)))


def entries(namespace):
    """Also those whose path nobody can ask for: firmware may use names that ACPI forbids."""
    found, above = {}, []
    for level, name, kind, node, owner, rest in LINE.findall(REPAIRED.sub("", namespace)):
        level = int(level)
        if level > len(above):
            raise Unreadable("acpiexec's listing of the namespace cannot be read")
        above[level:] = [name.rstrip("_") or "_"]
        path = "\\" + ".".join(above)
        found[path] = Entry(path, kind, node, int(owner, 16), rest)
    return found


def unresolved(text):
    return tuple(dict.fromkeys("".join(names) for names in SYMBOL.findall(text)))


def evaluation(path, text):
    """Returns: the Evaluation. AML can print lines by itself, but none after its end, so the
    last one counts."""
    last = None
    for last in re.finditer(rf"(?m)^(?:Evaluation of {re.escape(path)} (?:failed with status (\w+)|"
                            rf"(returned) object .*)|No object was returned from evaluation of "
                            rf"{re.escape(path)})$", text):
        pass
    missing = unresolved(text)
    if last is None:
        return Evaluation(error="acpiexec did not evaluate it", missing=missing, lost=True)
    if last.group(1) == "AE_AML_LOOP_TIMEOUT":
        return Evaluation(error="a loop in it did not end, which may be one that waits for the "
                          "machine", missing=missing, lost=True)
    if last.group(1):
        return Evaluation(error=f"it fails with {last.group(1)}", missing=missing)
    if not last.group(2):
        return Evaluation(missing=missing)
    try:
        result, _ = parse(text[last.end() + 1:].splitlines(), 0, 0)
    except Unreadable as e:
        return Evaluation(error=str(e), missing=missing, lost=True)
    return Evaluation(result, missing=missing)


def parse(lines, at, depth):
    """Returns: the object that begins at the line, and the line after it."""
    match = OBJECT.match(lines[at]) if at < len(lines) else None
    if match is None:
        raise Unreadable("acpiexec's answer cannot be read")
    _, kind, rest = match.groups()
    if kind == "Package":
        return parse_package(lines, at, depth, rest)
    if kind == "Buffer":
        return parse_buffer(lines, at, rest)
    at += 1
    if kind == "Integer":
        return int(rest.partition("=")[2], 16), at
    if kind == "String":
        return parse_string(rest), at
    if kind == "Null Object":
        return None, at
    return Other(kind), at


def parse_package(lines, at, depth, rest):
    count = re.match(r" Contains (\d+) Elements", rest)
    if count is None or depth == DEPTH:
        raise Unreadable("its package is too deep" if count else
                         "acpiexec's package cannot be read")
    at += 1
    elements = []
    for _ in range(int(count.group(1))):
        element, at = parse(lines, at, depth + 1)
        elements.append(element)
    return tuple(elements), at


def parse_buffer(lines, at, rest):
    size = re.match(r" Length ([0-9A-F]+) =", rest)
    if size is None:
        raise Unreadable("acpiexec's buffer cannot be read")
    size = int(size.group(1), 16)
    first, found = rest[len("Length ") + 1:].partition("=")[2], b""
    at += 1
    row = BYTES.match(first)
    while len(found) < size:
        if row is not None:
            found += bytes.fromhex(row.group(1))
        if len(found) >= size:
            break
        row = BYTES.match(lines[at]) if at < len(lines) else None
        if row is None:
            raise Unreadable("acpiexec's buffer cannot be read")
        at += 1
    return found[:size], at


def parse_string(rest):
    """acpiexec shows no more than 255 characters, which are enough for an ID."""
    match = re.match(r' Length [0-9A-F]+ = "(.*)"(?:\.\.\.)?$', rest)
    if match is None:
        raise Unreadable("acpiexec's string cannot be read")
    # A byte above 0x7f has its sign extended: \\xFFFFFF9D.
    return re.sub(r"\\(?:x(?:FFFFFF)?([0-9A-F]{2})|(.))", unescape, match.group(1))


def unescape(match):
    code, letter = match.groups()
    return chr(int(code, 16)) if code else ESCAPES.get(letter, letter)
