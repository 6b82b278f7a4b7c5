#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A controller that wrote between the rollback and the repair: what the repair still repairs, and
what is left to the administrator, with the commands that fix that.
"""

import re

from harness import installation
from harness.controller import BASE, REALM
from harness.domain import Domain, retry

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


def blocked(d, target, source):
    status, output = d.replicate(target, source, seconds=5)
    return status != 0 and "WERR_BAD_NET_RESP" in output


def settled(d, t, name):
    d.converge()
    t.equal(d.settle(), "", f"{name}: samba-tool ldapcmp finds no difference")


def wrote_contact(d, t):
    write_and_repair(d, t, "contact")
    d.converge()
    t.equal(d.dc1.has(["soon", "after"]), ["after"],
            "what it wrote after the repair reaches the partner, what it wrote before does not")
    t.equal(d.dc2.has(LOST), list(LOST), "lost users come back")
    d.dc2.modify("soon")
    t.ok(blocked(d, d.dc1, d.dc2), "changed, it keeps everything else from the partner")
    # As root of the one that went back, without anybody's password.
    retry("samba-tool", "drs", "replicate", f"{d.dc1.name}.{REALM}", d.dc2.name, BASE,
          "--full-sync", "--machine-pass", f"--configfile={d.dc2.configuration}")
    settled(d, t, "until that takes all anew")


def remove_tombstone(dc, name):
    """Samba counts the SID of a deleted object as taken."""
    database = ("-H", f"{dc.directory}/private/sam.ldb", "--show-deleted")
    found = installation.run("ldbsearch", *database, f"(&(isDeleted=TRUE)(cn={name}*))", "dn")
    installation.run("ldbdel", *database, "--relax", re.search(r"(?m)^dn: (.*)$", found).group(1))


def wrote_user(d, t, lost):
    write_and_repair(d, t, "user")
    t.equal(d.dc2.facts()["objects"]["soon"]["rid"], lost["lost1"]["rid"],
            "the user got the RID of a lost one")
    t.ok(blocked(d, d.dc2, d.dc1), "so nothing comes in from the partner")
    d.dc2.delete("soon")
    t.ok(blocked(d, d.dc2, d.dc1), "also when it is deleted")
    remove_tombstone(d.dc2, "soon")
    settled(d, t, "until its tombstone is gone, too")
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
