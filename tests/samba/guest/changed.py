#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs a program that uses Samba's Python bindings, and gives the machine another generation ID at
one of its writes, as the host does that restores it there.

Arguments: the method of SamDB, the number of the call, "before" or "after" it, the file of the ID,
the new one, the program.
"""

import pathlib
import sys

import moment


def main():
    method, number, when, path, identity, *program = sys.argv[1:]
    moment.run(method, int(number), when,
               lambda: pathlib.Path(path).write_text(f"{identity}\n", "ascii"), program)


main()
