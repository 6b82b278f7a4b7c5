#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""One of two controllers goes back, and its state directory cannot be written: it is told so before
anything else is, and the same repair is done when that is fixed.
"""

import subprocess

from harness import installation
from harness.domain import Domain

KINDS = {"read-only": "ro", "full": "size=4k,nr_inodes=1"}


def refused(dc, options, t, name):
    directory = installation.path(f"{dc.directory}/vmgen")
    before = dc.facts()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
    try:
        for command in ("before-start", "repair"):
            status, output = dc.safeguard(command)
            t.equal((status, "a repair is due, but it cannot be noted" in output), (1, True),
                    f"{name}: {command} says so") or t.note(output)
    finally:
        subprocess.run(["umount", directory], check=True)
    t.equal(dc.facts(), before, "nothing is changed")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    d.dc2.new_id()
    for name, options in KINDS.items():
        refused(d.dc2, options, t, name)
    t.equal(d.dc2.safeguard("before-start")[0], 0, "then it is repaired")
    t.equal(d.dc2.facts()["generation"], d.dc2.id, "and that is on record")


if __name__ == "__main__":
    installation.main(scenario)
