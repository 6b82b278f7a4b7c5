#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Both controllers go back, one to before a role moved, the other to after that: what the one holds
back reaches the other, and they agree on one owner anyway.
"""

import re

from harness import installation
from harness.controller import ADMINISTRATOR
from harness.domain import Domain, retry


def owner(dc):
    output = installation.run("samba-tool", "fsmo", "show", f"--configfile={dc.configuration}")
    return re.search(r"RidAllocationMasterRole owner: CN=NTDS Settings,CN=(\w+),", output)[1]


def go_back(d, t):
    d.snapshot("before")
    d.start()
    status, output = retry("samba-tool", "fsmo", "transfer", "--role=rid", "-H", d.dc2.url,
                           *ADMINISTRATOR, f"--configfile={d.dc2.configuration}")
    t.equal(status, 0, "the role of the RID master moves to DC2") or t.note(output)
    d.converge()
    d.stop()
    d.dc1.restore("before")
    t.equal([owner(dc) for dc in d.both], ["DC1", "DC2"], "each believes to have it")
    for dc in d.both:
        dc.new_id()
        status, output = dc.safeguard("before-start")
        t.equal(status, 0, f"{dc.name} is repaired") or t.note(output)


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    go_back(d, t)
    d.start()
    d.converge()
    t.note(f"before the check: {[owner(dc) for dc in d.both]}")
    for dc in (*d.both, d.dc1):
        t.note(dc.safeguard("verify")[1])
    d.converge()
    found = [owner(dc) for dc in d.both]
    t.ok(found[0] == found[1], f"they agree on one owner: {found}")
    first = [dc.facts()["available"][0] for dc in d.both]
    t.ok(first[0] == first[1] > 100 * 500, f"and on the RIDs that are left, raised: {first}")
    for dc in d.both:
        dc.add(f"new-{dc.name}")
    d.converge()
    rids = [o["rid"] for o in d.dc1.facts()["objects"].values() if o["rid"]]
    t.equal(len(rids), len(set(rids)), "no RID is given twice")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
