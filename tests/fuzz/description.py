#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Compares vmgenid.txt, which syzkaller takes, with the headers: requests, structures, members and
their sizes. Prints what differs."""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).parents[2]
HEADERS = ("vmgenid.h", "sysgenid.h")
COUNTS = {"VMGENID_ID_SIZE": "16"}
# What syzkaller is not told of: nobody passes a page to a call.
LEFT_OUT = ("vmgenid_page",)
WIDTHS = {"__u8": 8, "__u32": 32, "__s64": 64, "__aligned_u64": 64}


def of_headers(text):
    """({request}, {structure: [(member, bits or structure, count)]})"""
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    requests = set(re.findall(r"(?m)^#define\s+(\w+)\s+_IO", plain))
    structures = {}
    for name, body in re.findall(r"struct (\w+) \{(.*?)\};", plain, re.DOTALL):
        members = re.findall(r"(?m)^\s*(?:struct )?(\w+)\s+(\w+)(?:\[(\w+)\])?;", body)
        structures[name] = [(member, WIDTHS.get(kind, kind), COUNTS.get(count, count) or "1")
                            for kind, member, count in members]
    return requests, {name: body for name, body in structures.items() if name not in LEFT_OUT}


def of_description(text):
    """The same of syzlang, whose resources are numbers."""
    plain = re.sub(r"(?m)^#.*$", "", text)
    resources = {name: int(bits) for name, bits in re.findall(r"resource (\w+)\[int(\d+)\]", plain)}
    requests = set(re.findall(r"cmd const\[(\w+)\]", plain))
    structures = {}
    for name, body in re.findall(r"(?m)^(\w+) \{\n(.*?)^\}", plain, re.DOTALL):
        structures[name] = [member(line, resources) for line in body.splitlines()]
    return requests, structures


def member(line, resources):
    name, kind = line.split()[:2]
    kind = line.split(None, 1)[1]
    count = re.search(r"array\[int8, (\d+)\]", kind)
    bits = re.search(r"\bint(\d+)", kind)
    word = kind.split()[0]
    return name, int(bits.group(1)) if bits else resources.get(word, word), count.group(1) if count else "1"


def main():
    headers = "".join((TOP / "kmod/uapi/vmgen" / name).read_text("ascii") for name in HEADERS)
    wanted = of_headers(headers)
    found = of_description((TOP / "tests/fuzz/vmgenid.txt").read_text("ascii"))
    if wanted == found and all(wanted):
        return 0
    print("of the headers:", *wanted, "of the description:", *found, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
