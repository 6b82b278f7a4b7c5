#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain controller with 20,000 users: all of them are looked at while others can write to the
database, and that takes no more memory than the file of it and some KiB for each."""

import json

from harness import installation, record
from harness.alone import Alone, install_vmgenctl

USERS = 20_000
MEASURED = "/srv/measured"
# Objects.
FEW = 50
# Half of that is the file of the database.
KIB_OF_A_USER = 20
CHANGED = {"VMGEN_EVENT": "changed", "VMGEN_HINT": "unknown", "VMGEN_INTENT": ""}


def measure(dc, command, *options, **environment):
    program = (f"{installation.GUEST}/measured.py", MEASURED)
    dc.must(command, *options, program=program, **environment)
    return json.loads(installation.path(MEASURED).read_text("ascii"))


def measure_all(dc, t):
    """{command: figures} of a controller that has gone back; it is repaired by that."""
    dc.new_id()
    record.write(dc, record.run(dc.id, event="changed"))
    found = {"repair": measure(dc, "repair", **CHANGED), "verify": measure(dc, "verify"),
             "--check": measure(dc, "--check")}
    for command, figures in found.items():
        t.note(f"{command}: {figures}")
    return found


def compare(few, many, t):
    for command, figures in many.items():
        t.ok(figures["in"] <= few[command]["in"] + FEW,
             f"{command} reads no more objects in its transactions than without users")
        t.ok(figures["KiB"] - few[command]["KiB"] < KIB_OF_A_USER * USERS,
             f"{command} takes less than {KIB_OF_A_USER} KiB of memory for each user")
    t.ok(many["repair"]["out"] >= USERS and many["verify"]["out"] >= USERS,
         "repair and verify look at all users")
    t.ok(many["repair"]["held"] < many["repair"]["processor"] / 2,
         "while others can write most of the time")
    t.ok(many["--check"]["out"] <= few["--check"]["out"] + FEW, "--check looks at none of them")


def scenario(_suite, t):
    install_vmgenctl()
    dc = Alone()
    dc.must("before-start")
    few = measure_all(dc, t)
    installation.run("python3", f"{installation.GUEST}/users.py", dc.configuration, "user",
                     str(USERS))
    many = measure_all(dc, t)
    compare(few, many, t)
    facts = dc.facts()
    highest = max(found["rid"] or 0 for found in facts["objects"].values())
    t.ok(len(facts["objects"]) > USERS and facts["available"][0] > highest,
         "no RID that a user has is available")


if __name__ == "__main__":
    installation.main(scenario)
