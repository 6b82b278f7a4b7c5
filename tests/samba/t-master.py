#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The RID master goes back: it would give the pool that a partner got to somebody else."""

import installation
from domain import Domain

LOST = ("lost1", "lost2")
NEW = ("new1", "new2")
SIZE = 500


def go_back(d, t):
    """DC2 is given a pool and DC1 makes users, of which DC1 then knows nothing any more."""
    d.snapshot("before")
    d.dc2.new_id()
    status, output = d.dc2.repair()
    if not t.equal(status, 0, "DC2 drops its pool of RIDs, and needs another"):
        t.note(output)
    d.start()
    d.dc1.add(*LOST)
    d.dc2.add("asks")
    d.converge()
    d.stop()
    before = d.dc1.facts()["available"][0]
    d.dc1.restore("before")
    d.dc1.new_id()
    t.ok(d.dc1.facts()["available"][0] < before, "DC1 is back before it gave that")
    t.equal(d.dc1.facts()["available"][0], d.dc2.facts()["pool"][0],
            "which is what it would give next")
    d.snapshot("back")
    return before


def go_on(d):
    d.start()
    d.dc1.add(*NEW)
    d.converge()
    return {name: d.dc1.facts()["objects"][name]["rid"] for name in NEW}


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    given = go_back(d, t)
    lost = {o["rid"] for o in d.dc2.facts()["objects"].values()}

    rids = go_on(d)
    t.ok(set(rids.values()) <= lost, "without: the master gives RIDs of lost users again")

    d.restore("back")
    status, output = d.dc1.repair()
    raised = d.dc1.facts()["available"][0]
    t.note(f"{output}available from {raised}; given were those before {given}")
    t.equal(status, 0, "with: the safeguard repairs it")
    t.ok(given + 99 * SIZE < raised < given + 1102 * SIZE, "the master skips pools")
    rids = go_on(d)
    t.ok(not set(rids.values()) & lost, "no RID is given twice")
    for dc in d.both:
        t.equal(dc.facts()["available"][0], raised, f"{dc.name} has it from there after all")
        t.equal(dc.has((*LOST, *NEW)), [*LOST, *NEW], "and all users")
    first = [dc.facts()["pool"][0] for dc in d.both]
    t.ok(abs(first[0] - first[1]) >= SIZE, "their pools are different ones")
    t.equal(d.differences(), "", "samba-tool ldapcmp finds no difference")
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
