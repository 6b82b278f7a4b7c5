#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Controllers whose databases are LMDB instead of TDB and, where their Samba knows it, whose domain
has the functional level 2016: one of them goes back, and is repaired.
"""

import re

from harness import installation
from harness.controller import ADMINISTRATOR, BASE
from harness.domain import Domain

LOST = ("lost1", "lost2")
NEW = ("new1", "new2")
LEVEL = "ad dc functional level"
# Of the level 2016.
NEWEST = "7"


class Lmdb(Domain):
    kind = "lmdb"
    options = ("--backend-store=mdb", "--backend-store-size=128Mb")


class Newest(Lmdb):
    kind = "lmdb-2016"
    options = (*Lmdb.options, f"--option={LEVEL} = 2016")
    settings = f"\n{LEVEL} = 2016\n"

    def provision(self):
        joined, self.options = self.options, (*self.options, "--function-level=2016")
        super().provision()
        self.options = joined


def show_kind(d, t):
    for dc in d.both:
        output = installation.run("ldbsearch", "-H", f"{dc.directory}/private/sam.ldb", "-b",
                                  "@PARTITION", "-s", "base", "backendStore")
        t.ok("backendStore: mdb" in output, f"{dc.name} has LMDB") or t.note(output)
    output = installation.run("ldbsearch", "-H", d.dc2.url, *ADMINISTRATOR, "-b", BASE,
                              "-s", "base", "msDS-Behavior-Version")
    level = re.search(r"(?m)^msDS-Behavior-Version: (\d+)$", output).group(1)
    t.equal(level == NEWEST, isinstance(d, Newest), f"the domain has the level {level}")


def scenario(_suite, t):
    known = "2016" in installation.run("samba-tool", "domain", "provision", "--help")
    d = Newest() if known else Lmdb()
    d.adopt()
    d.lose(d.dc2, LOST)
    lost = d.dc1.facts()["objects"]
    status, output = d.dc2.repair()
    t.equal(status, 0, "it is repaired")
    t.note(output)
    d.start()
    show_kind(d, t)
    d.dc2.add(*NEW)
    d.converge()
    rids = {d.dc2.facts()["objects"][name]["rid"] for name in NEW}
    t.ok(not rids & {o["rid"] for o in lost.values()}, "no RID is given twice")
    t.equal(d.dc1.has(NEW), list(NEW), "new users reach the partner")
    t.equal(d.dc2.has(LOST), list(LOST), "lost ones come back")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    for dc in d.both:
        output = installation.execute("samba-tool", "dbcheck", "--cross-ncs",
                                      f"--configfile={dc.configuration}")[1]
        t.ok("(0 errors)" in output, f"dbcheck is content with {dc.name}") or t.note(output)
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
