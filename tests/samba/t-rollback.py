#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain controller goes back to a snapshot: what happens without the safeguard, and with it."""

import time

from harness import installation
from harness.domain import Domain

LOST = ("lost1", "lost2")
NEW = ("new1", "new2")


def go_on(d, t):
    """DC2 makes two other users."""
    d.start()
    t.note(f"the first user could be made after {d.dc2.add(*NEW):.1f} s")
    before = time.monotonic()
    d.converge()
    t.note(f"replicated both ways in {time.monotonic() - before:.1f} s")


def without(d, t, lost):
    go_on(d, t)
    new = d.dc2.facts()["objects"]["new1"]
    t.note(f"lost1 {lost['lost1']}\nnew1  {new}")
    t.equal(new["rid"], lost["lost1"]["rid"], "without: the RID is given twice")
    t.equal(new["created"], lost["lost1"]["created"], "so is the stamp")
    t.equal(d.dc1.has(NEW), [], "new users never reach the partner")
    t.equal(d.dc2.has(LOST), [], "lost ones never come back")
    t.ok(d.content(), "samba-tool drs showrepl calls that good")
    found = d.differences().upper()
    t.ok(all(f"CN={name.upper()}," in found for name in (*LOST, *NEW)),
         "samba-tool ldapcmp does not")


def safeguard(d, t):
    before = d.dc2.facts()
    start = time.monotonic()
    status, output = d.dc2.repair()
    t.note(f"{output}repaired in {time.monotonic() - start:.2f} s")
    t.equal(status, 0, "with: the safeguard repairs it")
    after = d.dc2.facts()
    t.ok(after["invocation"] != before["invocation"], "the invocationId is a new one")
    t.equal(after["written"]["invocation"], after["invocation"], "and is stamped with itself")
    t.equal(after["generation"], d.dc2.id, "msDS-GenerationId is the ID")
    return after


def with_safeguard(d, t, lost):
    repaired = safeguard(d, t)
    go_on(d, t)
    facts = d.dc2.facts()
    rids = [facts["objects"][name]["rid"] for name in NEW]
    t.note(f"RIDs of lost users {[lost[name]['rid'] for name in LOST]}, of new ones {rids}")
    t.ok(not set(rids) & {o["rid"] for o in lost.values()}, "no RID is given twice")
    t.equal(d.dc1.has(NEW), list(NEW), "new users reach the partner")
    t.equal(d.dc2.has(LOST), list(LOST), "lost ones come back")
    t.equal(d.dc1.facts()["controllers"], facts["controllers"], "both know each other's identity")
    t.equal(facts["invocation"], repaired["invocation"], "which has not changed again")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    for dc in d.both:
        status, output = installation.execute("samba-tool", "dbcheck", "--cross-ncs",
                                              f"--configfile={dc.configuration}")
        t.equal((status, "(0 errors)" in output), (0, True), f"dbcheck is content with {dc.name}")


def scenario(_suite, t):
    start = time.monotonic()
    d = Domain()
    d.adopt()
    t.note(f"two controllers in {time.monotonic() - start:.1f} s")
    d.lose(d.dc2, LOST)
    lost = d.dc1.facts()["objects"]
    without(d, t, lost)
    d.restore("back")
    with_safeguard(d, t, lost)
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
