#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A controller goes back to before earlier repairs: what its partner remembers of those, its
identity and its pool of RIDs, is newer by count than what the last repair writes, unless that lifts
the version.
"""

from harness import installation
from harness.domain import Domain


def repair(dc, t, name, program=()):
    """A new identity; returns it."""
    dc.new_id()
    before = dc.facts()["invocation"]
    status, output = dc.repair(program)
    after = dc.facts()["invocation"]
    if not t.ok(status == 0 and before != after, name):
        t.note(f"status {status}\n{output}")
    return after


def lose_two(d, t):
    """Two repairs that the partner hears of, and that are lost with the disk."""
    for number in ("first", "second"):
        repair(d.dc2, t, f"the {number} repair gives a new identity")
        d.start()
        d.dc2.add(number)
        d.converge()
        d.stop()
    lost = d.dc2.facts()
    d.dc2.restore("before")
    return lost


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    d.snapshot("before")
    lost = lose_two(d, t)
    d.snapshot("back")

    repair(d.dc2, t, "control: a repair that lifts no version",
           program=(f"{installation.GUEST}/crippled.py",))
    d.start()
    d.converge()
    back = d.dc2.facts()
    t.equal((back["invocation"], back["pool"]), (lost["invocation"], lost["pool"]),
            "its partner gives it the lost identity back, and the lost pool of RIDs")
    d.stop()
    status, output = d.dc2.safeguard("verify")
    t.note(output)
    t.ok(status == 0 and d.dc2.facts()["invocation"] != lost["invocation"],
         "verify finds that and mends it")

    d.restore("back")
    identity = repair(d.dc2, t, "the repair after both are lost")
    d.start()
    # Before it needs a RID, so that it has heard of the lost pool.
    d.converge()
    d.dc2.add("third")
    d.converge()
    objects = d.dc2.facts()["objects"]
    t.ok(objects["third"]["rid"] > lost["pool"][1] >= objects["second"]["rid"],
         "a new user has a RID from behind the lost pool")
    t.equal(d.dc2.facts()["invocation"], identity, "its identity stays the new one")
    t.equal(d.dc1.facts()["controllers"]["DC2"], identity, "the partner knows it")
    t.equal(d.dc1.has(["third"]), ["third"], "what it writes reaches the partner")
    t.equal(d.dc2.has(["first", "second"]), ["first", "second"], "what was lost comes back")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
