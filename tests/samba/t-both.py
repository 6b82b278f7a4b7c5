#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Both controllers go back at the same time, and are repaired and checked at the same time: each
takes from the other what it has, and is told by it.
"""

import concurrent.futures
import time

from harness import installation
from harness.domain import Domain


def at_once(d, command, **environment):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda dc: dc.safeguard(command, **environment), d.both))


def go_back(d, t):
    """As they were when they were kept. Each has written something until it was frozen, which the
    other has taken or not; what was lost nobody has any more.
    """
    d.start()
    d.dc1.add("gap1", kind="contact")
    d.dc2.add("gap2", kind="contact")
    d.stop()
    for dc in d.both:
        dc.new_id()
    for status, output in at_once(d, "repair", VMGEN_EVENT="changed", VMGEN_HINT="unknown",
                                  VMGEN_INTENT=""):
        t.equal(status, 0, "repaired") or t.note(output)


def checked(d, t):
    """Each attempt is one of the timer."""
    start, left = time.monotonic(), [""] * 2
    for _ in range(5):
        results = at_once(d, "verify")
        for _, output in results:
            t.note(output)
        left = [old or (output if "has lasted" in output else "")
                for old, (_, output) in zip(left, results)]
        if all(left):
            break
    t.ok(all(left), f"both find that it has lasted, in {time.monotonic() - start:.1f} s")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    go_back(d, t)
    d.start()
    checked(d, t)
    d.dc1.add("new1")
    d.dc2.add("new2")
    d.converge()
    names = ["gap1", "gap2", "new1", "new2"]
    for dc in d.both:
        t.equal(dc.has(names), names, f"all of it is on {dc.name}")
    objects = d.dc1.facts()["objects"].values()
    rids = [o["rid"] for o in objects if o["rid"]]
    t.equal(len(rids), len(set(rids)), "no RID is given twice")
    d.dc1.modify("gap2")
    d.dc2.modify("gap1")
    d.converge()
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    t.ok(d.content(), "samba-tool drs showrepl calls that good")
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
