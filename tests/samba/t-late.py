#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A controller that wrote between the rollback and the repair: what the repair still mends, and
what is left to the administrator.
"""

import installation
from domain import Domain

LOST = ("lost1", "lost2")


def write_and_repair(d, t, kind):
    d.start()
    d.dc2.add("soon", kind=kind)
    d.dc2.stop()
    status, output = d.dc2.repair()
    if not t.equal(status, 0, f"repaired after it wrote a {kind}"):
        t.note(output)
    d.dc2.start()
    d.dc2.add("after")


def wrote_contact(d, t):
    write_and_repair(d, t, "contact")
    d.converge()
    t.equal(d.dc1.has(["soon", "after"]), ["after"],
            "what it wrote after the repair reaches the partner, what it wrote before does not")
    t.equal(d.dc2.has(LOST), list(LOST), "lost users come back")
    d.dc2.delete("soon")
    d.dc2.add("soon", kind="contact")
    d.converge()
    t.equal(d.differences(), "", "made again it does: samba-tool ldapcmp finds no difference")


def wrote_user(d, t, lost):
    write_and_repair(d, t, "user")
    t.equal(d.dc2.facts()["objects"]["soon"]["rid"], lost["lost1"]["rid"],
            "the user got the RID of a lost one")
    status, output = d.replicate(d.dc2, d.dc1, seconds=5)
    t.note(output)
    t.ok(status != 0, "so nothing comes in from the partner")
    d.dc2.delete("soon")
    d.converge()
    t.equal(d.differences(), "", "until it is deleted: samba-tool ldapcmp finds no difference")
    t.equal(d.dc2.has(LOST), list(LOST), "lost users come back")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    d.lose(d.dc2, LOST)
    lost = d.dc1.facts()["objects"]
    wrote_contact(d, t)
    d.restore("back")
    wrote_user(d, t, lost)
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
