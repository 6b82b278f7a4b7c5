#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A clone of a domain controller is no second one: it is kept down until an administrator says
that its original is gone.
"""

from harness import installation
from harness.domain import Domain

FENCED = 10
FENCE = "samba-ad-dc.service"


def refused(dc, t, name, **environment):
    before = dc.facts()
    fence = installation.path(f"{dc.directory}/vmgen/fence/{FENCE}")
    for command in ("repair", "before-start"):
        status, output = dc.safeguard(command, **environment)
        t.note(output)
        t.equal(status, FENCED, f"{name}: {command} refuses it")
    t.equal(dc.facts(), before, "its database is as it was")
    if t.ok(fence.exists(), "there is a fence"):
        t.ok("vmgend-samba-ad --force repair" in fence.read_text("utf-8"),
             "which names the command to go on with")


def repaired(dc, t, name, command, *options, **environment):
    before = dc.facts()["invocation"]
    status, output = dc.safeguard(command, *options, **environment)
    t.note(output)
    t.equal((status, dc.facts()["generation"]), (0, dc.id), name)
    t.ok(dc.facts()["invocation"] != before, "it has a new identity")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    d.dc2.new_id()
    d.snapshot("cloned")
    refused(d.dc2, t, "other hardware, and nobody said anything",
            VMGEN_EVENT="boot-changed", VMGEN_HINT="clone", VMGEN_INTENT="")
    repaired(d.dc2, t, "that command repairs it", "repair", "--force")
    status, output = d.dc2.safeguard("before-start")
    if not t.equal(status, 0, "and Samba may start"):
        t.note(output)
    d.restore("cloned")
    refused(d.dc2, t, "the same hardware, called a clone",
            VMGEN_EVENT="changed", VMGEN_HINT="rollback", VMGEN_INTENT="clone")
    d.restore("cloned")
    repaired(d.dc2, t, "other hardware, called a restore: repaired", "before-start",
             VMGEN_EVENT="boot-changed", VMGEN_HINT="clone", VMGEN_INTENT="restore")


if __name__ == "__main__":
    installation.main(scenario)
