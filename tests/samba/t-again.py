#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The generation ID changes once more during a repair: the machine was restored in the middle of
it, and other copies may go on from there with the identity that was just made. So that counts as
another change, before Samba starts.
"""

import uuid

from harness import installation
from harness.alone import Alone

CHANGED = f"{installation.GUEST}/changed.py"
KILLED = f"{installation.GUEST}/killed.py"
DUE = 7
FAILED = 1
POOL = 500


def program(dc, number, when, identity):
    """With another ID at one of the commits."""
    return (CHANGED, "transaction_commit", str(number), when, f"/srv/{dc.name}.id", identity)


def restored(dc, name="adopted"):
    dc.restore(name)
    dc.new_id()
    return dc.facts()


def at_start(dc, t, number, when):
    before = restored(dc)
    identity = str(uuid.uuid4())
    status, output = dc.safeguard("before-start", program=program(dc, number, when, identity))
    dc.id = identity
    after = dc.facts()
    name = f"{when} transaction {number}"
    good = status == 0 and after["generation"] == identity and dc.safeguard("--check")[0] == 0
    if not t.ok(good, f"{name}: Samba starts, and the last ID is on record"):
        t.note(f"status {status}\n{output}")
    t.equal(output.count("event 1109:"), 2,
            f"{name}: with the second identity, and not with the one that a copy may have")
    t.ok(after["available"][0] >= before["available"][0] + 1100 * POOL,
         f"{name}: and left out RIDs twice")
    t.equal(dc.errors(), 0, f"{name}: dbcheck finds no error")


def in_hook(dc, t):
    """What vmgend thinks of the second change only its own run of the hooks knows."""
    restored(dc)
    identity = str(uuid.uuid4())
    status, output = dc.repair(program(dc, 1, "after", identity))
    dc.id = identity
    t.ok(status == FAILED and "once more" in output,
         "the hook leaves it to those of the second change, and starts nothing") or t.note(output)
    t.equal(dc.safeguard("--check")[0], DUE, "a repair is still due")
    status, output = dc.safeguard("repair", VMGEN_EVENT="changed", VMGEN_HINT="clone",
                                  VMGEN_INTENT="")
    t.ok(status == 10 and "looks like a clone" in output, "which is refused if it was a clone")
    dc.fence.unlink()
    t.equal((dc.repair()[0], dc.facts()["generation"]), (0, identity), "and done if it was not")


def from_one_snapshot(dc, t):
    """A snapshot of the middle of a repair, restored twice."""
    restored(dc)
    status, output = dc.repair((KILLED, "transaction_commit", "1", "after"))
    half = dc.facts()
    if not t.ok(status and half["generation"] != dc.id, "killed between its transactions"):
        t.note(output)
    dc.snapshot("half")
    found = [half]
    for _ in range(2):
        restored(dc, "half")
        t.equal(dc.safeguard("before-start")[0], 0, "restored from there: repaired")
        found.append(dc.facts())
    t.equal(len({f["invocation"] for f in found}), 3, "each has an identity of its own")
    t.equal(len({f["pool"][0] for f in found}), 3, "and RIDs")


def scenario(_suite, t):
    dc = Alone()
    dc.must("repair")
    dc.snapshot("adopted")
    for number, when in ((1, "before"), (1, "after"), (2, "after")):
        at_start(dc, t, number, when)
    in_hook(dc, t)
    from_one_snapshot(dc, t)


if __name__ == "__main__":
    installation.main(scenario)
