#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Linux's own driver binds those devices of which vmgen-acpi-check says so."""

import json
import pathlib
import re
import subprocess

from harness import tap
from harness.scenario import boot, matrix

ROOT = pathlib.Path(__file__).parents[2]
TABLE = ROOT / "tests/tables/bound.asl"
# The row of vmgen-acpi-check that is for this kernel.
ROWS = {"6.1": "Linux 5.18 to 6.9, in tree", "6.12": "Linux 6.10 to 6.19, in tree"}
NEWER = "Linux 7.0 to newest, in tree"
# Before 6.10 the device of ACPI is bound, and after that one of the platform.
LIST = """for d in /sys/bus/acpi/drivers/vmgenid/* /sys/bus/platform/drivers/vmgenid/*; do
    cat $d/path $d/firmware_node/path 2>/dev/null
done; true"""
BINDS = {"binds": True, "does": False}


def judged(row):
    """{device: whether it is said to bind, None: that cannot be told}"""
    done = subprocess.run([ROOT / "daemon/acpi/vmgen-acpi-check", "--json", TABLE], timeout=120,
                          stdout=subprocess.PIPE, check=False)
    found = {}
    for device in json.loads(done.stdout)["devices"]:
        said = [guest["text"] for guest in device["guests"] if guest["guest"] == row]
        found[device["path"].rpartition(".")[2]] = BINDS.get(re.match(r"\w+", said[0]).group())
    return found


def scenario(kernel, t):
    found = judged(ROWS.get(kernel, NEWER))
    with boot(kernel, load=False, tables=[TABLE], cmdline="memmap=64K$0x0FFE0000") as g:
        bound = {path.rpartition(".")[2] for path in g.run(LIST).split()}
    t.ok(len(found) == 14 and bound <= set(found), "the devices are known")
    marks = {}
    for device, binds in sorted(found.items()):
        marks[device] = t.ok(binds is None or binds == (device in bound),
                             f"{device}: {'bound' if device in bound else 'not bound'}")
    t.equal([device for device, binds in found.items() if binds is None], ["VB05"],
            "what cannot be told is ADDR that returns nothing")
    matrix(kernel, "bound", marks)


if __name__ == "__main__":
    tap.main(scenario)
