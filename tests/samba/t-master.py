#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The RID master goes back: it would give RIDs again that it or a partner had given. The
administrator has it use the role before its partner answers, which then knows other numbers.
"""

from harness import installation
from harness.alone import MANAGER
from harness.domain import Domain

LOST = ("lost1", "lost2")
NEW = ("new1", "new2")
SIZE = 500
LAST = 1073741823
# Further than one repair gets.
FAR = 1_000_100


CRIPPLED = (f"{installation.GUEST}/crippled.py",)


def repair(dc, t, name, program=()):
    status, output = dc.repair(program)
    if not t.equal(status, 0, name):
        t.note(output)


def raised_by(dc, t, name, program=()):
    """verify without a word of the partner."""
    status, output = dc.safeguard("verify", "--force", program=program)
    if not t.equal(status, 0, name):
        t.note(output)
    return dc.facts()["available"][0]


def go_back(d, t):
    """DC2 is given a pool and DC1 makes users and is repaired; then DC1 knows nothing of that."""
    d.snapshot("before")
    d.dc2.new_id()
    repair(d.dc2, t, "DC2 drops its pool of RIDs, and needs another")
    d.start()
    d.dc1.add(*LOST)
    d.dc2.add("asks")
    d.converge()
    d.stop()
    # As many repairs would.
    installation.run("ldbmodify", "-H", f"{d.dc1.directory}/private/sam.ldb", "--controls=relax:0",
                     stdin=f"dn: {MANAGER}\nchangetype: modify\nreplace: rIDAvailablePool\n"
                           f"rIDAvailablePool: {(LAST << 32) + FAR}\n\n")
    d.dc1.new_id()
    repair(d.dc1, t, "DC1 is repaired")
    skipped = raised_by(d.dc1, t, "it skips pools, of which DC2 hears")
    d.start()
    d.dc1.add("far")
    d.converge()
    d.stop()
    d.dc1.restore("before")
    d.dc1.new_id()
    t.ok(d.dc1.facts()["available"][0] <= d.dc2.facts()["pool"][0],
         "DC1 is back before all that: it would give DC2's pool again")
    d.snapshot("back")
    return skipped


def go_on(d):
    d.start()
    d.dc1.add(*NEW)
    d.converge()
    return {d.dc1.facts()["objects"][name]["rid"] for name in NEW}


def without(d, t, lost, skipped):
    t.ok(go_on(d) <= lost, "without: the master gives RIDs of lost users again")
    d.restore("back")
    repair(d.dc1, t, "control: a repair that lifts no version", CRIPPLED)
    raised_by(d.dc1, t, "and skips pools", CRIPPLED)
    go_on(d)
    t.equal(d.dc1.facts()["available"][0], skipped, "replication undoes its jump")


def with_safeguard(d, t, lost):
    first = d.dc1.facts()["available"][0]
    repair(d.dc1, t, "with: the safeguard repairs it")
    t.equal(d.dc1.facts()["available"][0], first, "and leaves the pools to whoever is the master")
    raised = raised_by(d.dc1, t, "and uses the role when it is told to")
    t.note(f"available from {first}, then from {raised}")
    t.ok(550 * SIZE < raised - first < 1102 * SIZE, "the master skips pools")
    t.ok(not go_on(d) & lost, "no RID is given twice")
    for dc in d.both:
        facts = dc.facts()
        t.equal(facts["available"][0], raised, f"{dc.name} has it from there after all")
        t.ok({*LOST, *NEW} <= facts["objects"].keys(), "and all users")
    pools = [dc.facts()["pool"][0] for dc in d.both]
    t.ok(abs(pools[0] - pools[1]) >= SIZE, "their pools are different ones")
    passed_by(d, t, raised)
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")


def passed_by(d, t, raised):
    """The last repair began where the first one did, so it did not get as far as those did."""
    far = d.dc1.facts()["objects"]["far"]["rid"]
    t.ok(raised < FAR < far, "control: RIDs are available that have been given")
    before = d.dc1.facts()
    status, output = d.dc1.safeguard("verify")
    t.note(output)
    d.dc1.add("later")
    d.converge()
    for dc in d.both:
        first = dc.facts()["available"][0]
        t.ok(far < first <= far + 2 * SIZE and first % SIZE == raised % SIZE,
             f"verify has {dc.name} leave out those, and no more")
    t.equal((status, d.dc1.facts()["invocation"]), (0, before["invocation"]),
            "without another identity")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    skipped = go_back(d, t)
    lost = {o["rid"] for o in d.dc2.facts()["objects"].values()}
    without(d, t, lost, skipped)
    d.restore("back")
    with_safeguard(d, t, lost)
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
