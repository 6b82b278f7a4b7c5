# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Tables that are given as ASL, which iasl compiles."""

import re

from acpi_check import child, tables
from acpi_check.text import printable

SUFFIXES = (".asl", ".dsl")
# "x.asl  5: ...", then "Error    6126 - syntax error ^".
ERROR = re.compile(r"(?m)^Error +\d+ -\s+(.+)$")


def read(path):
    """Returns: a list of Table."""
    name = printable(str(path))
    try:
        text = tables.read_file(path)
    except tables.Unreadable as e:
        return [tables.Table(name, "", b"", str(e))]
    with child.Scratch() as scratch:
        # -f, as hypervisors use IDs that iasl refuses; -oa leaves the code as it is written.
        said, wrong = scratch.run([child.find("iasl"), "-f", "-oa", "-p",
                                   str(scratch.path / "table"),
                                   str(scratch.write("source.asl", text))])
        try:
            found = tables.parse(name, tables.read_file(scratch.path / "table.aml"))
        except tables.Unreadable:
            found = []
    if found:
        return found
    error = ERROR.search(said)
    why = wrong or (printable(error.group(1).strip()) if error else "it is no ASL")
    return [tables.Table(name, "", b"", f"iasl does not compile it: {why}")]
