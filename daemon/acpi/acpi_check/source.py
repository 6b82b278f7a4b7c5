# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Tables that are given as ASL, which iasl compiles."""

import re

from acpi_check import child, tables
from acpi_check.text import printable

SUFFIXES = (".asl", ".dsl")
# "source.asl(5) : error    6126 - syntax error". Of what the source includes no word is shown.
ERROR = re.compile(r"(?m)^source\.asl\((\d+)\) : error +\d+ - (.+)$")


def read(path):
    """Returns: a list of Table."""
    name = printable(str(path))
    try:
        text = tables.read_file(path)
    except tables.Unreadable as e:
        return [tables.Table(name, "", b"", str(e))]
    with child.Scratch() as scratch:
        # -f, as hypervisors use IDs that iasl refuses; -oa leaves the code as it is written; -Pn,
        # as #includebuffer makes any file a part of the table, and so of the report.
        scratch.write("source.asl", text)
        said, wrong = scratch.run([child.find("iasl"), "-vi", "-Pn", "-f", "-oa", "-p", "table",
                                   "source.asl"])
        try:
            found = tables.parse(name, tables.read_file(scratch.path / "table.aml"))
        except tables.Unreadable:
            found = []
    if found:
        return found
    error = ERROR.search(said)
    why = wrong or (f"line {error.group(1)}: {printable(error.group(2).strip())}" if error else
                    "it is no ASL, or what it includes is none")
    return [tables.Table(name, "", b"", f"iasl does not compile it: {why}")]
