#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The power fails in the middle of a repair: done once more, it gives a good result. With VMGEN_LONG=
(make check-hooks) at each of its writes, else between its transactions."""

import os

from harness import installation
from harness.domain import Domain

LOST = ("lost1", "lost2")
KILLED = f"{installation.GUEST}/killed.py"
WRITES = ("modify", "allocate_rid", "set_attribute_replmetadata_version", "transaction_commit")


def kill(dc, method, number, when):
    """Whether the repair came as far as there."""
    status, output = dc.repair((KILLED, method, str(number), when))
    if status not in (0, -9):
        raise installation.SambaError(f"{method} {number}: status {status}\n{output}")
    return status != 0


def points(dc):
    """All points at which it can be killed, by trying them from the same files."""
    for method in WRITES:
        for number in range(1, 20):
            for when in ("before", "after"):
                dc.restore("back")
                if not kill(dc, method, number, when):
                    break
                yield f"{when} {method} {number}", dc.facts()
            else:
                continue
            break


def consistent(dc, before, facts):
    """All of the new identity or nothing of it; never one that is called done and is not."""
    changed = facts["invocation"] != before["invocation"]
    dropped = facts["pool"] != before["pool"]
    raised = facts["available"] != before["available"]
    if dropped != changed or raised != (changed and before["master"]):
        return False
    return changed or facts["generation"] == before["generation"]


def sweep(dc, t):
    before = dc.facts()
    between = 0
    for name, facts in points(dc):
        between += facts["invocation"] != before["invocation"] and facts["generation"] != dc.id
        status, output = dc.repair()
        after = dc.facts()
        good = status == 0 and after["generation"] == dc.id and \
            after["invocation"] != before["invocation"]
        if not t.ok(consistent(dc, before, facts) and good, f"{dc.name}: killed {name}"):
            t.note(f"before {before}\nkilled {facts}\nafter {after}\n{output}")
    t.ok(between, "among those are some between the two transactions")


def serve(d, t):
    """Killed between the transactions, repaired, and then on duty."""
    d.restore("back")
    t.ok(kill(d.dc2, "transaction_commit", 1, "after"), "DC2 is killed between its transactions")
    half = d.dc2.facts()["invocation"]
    status, output = d.dc2.safeguard("before-start")
    if not t.equal(status, 0, "its next start repairs it"):
        t.note(output)
    d.start()
    d.dc2.add("new1")
    d.converge()
    t.ok(d.dc2.facts()["invocation"] != half, "with one identity more")
    t.equal(d.dc1.has(["new1"]), ["new1"], "what it writes reaches the partner")
    t.equal(d.dc2.has(LOST), list(LOST), "lost users come back")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    d.stop()


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    d.lose(d.dc2, LOST)
    serve(d, t)
    if os.environ.get("VMGEN_LONG"):
        d.restore("back")
        sweep(d.dc2, t)
        d.dc1.new_id()
        sweep(d.dc1, t)


if __name__ == "__main__":
    installation.main(scenario)
