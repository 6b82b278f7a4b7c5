#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How many random numbers, drawn one after the other from the first instruction on, two clones of
one snapshot have in common: none with the module and one CPU, whatever the kernel."""

import itertools

import draws
import tap
from scenario import WITHOUT_INTREE, boot, new_guid, say, seed

SIBLINGS = 3
DRAWS = 1000
# Younger kernels reseed often of their own accord, which would flatter them.
UPTIME = 130


def first_draws(kernel, load):
    """The first draws of each sibling after the snapshot."""
    guid = new_guid()
    with boot(kernel, ["draw"], load=load, guid=guid, cpus=1, icount=True) as g:
        seed(g)
        g.sleep_until(UPTIME)
        draws.begin(g, guid, DRAWS)
        snapshot = g.snapshot()
    found = []
    # IDs that a host counts up share a half with the old one, and look torn.
    for new in [new_guid()] + [new_guid()[:18] + guid[18:] for _ in range(SIBLINGS - 1)]:
        with snapshot.clone(guid=new) as c:
            found.append(draws.finish(c, DRAWS))
    return found


def scenario(kernel, t):
    figures = {}
    for load in (False, True):
        found = first_draws(kernel, load)
        t.equal([len(f) for f in found], [DRAWS] * SIBLINGS, "every sibling drew")
        figures[load] = [draws.in_common(*pair) for pair in itertools.combinations(found, 2)]
    if kernel in WITHOUT_INTREE:
        t.ok(min(figures[False]) > 0, "without the module siblings draw the same numbers")
    t.equal(max(figures[True]), 0, "with the module they have none in common")
    say(f"{kernel}: leading draws that siblings have in common, of {DRAWS}, 1 CPU: "
        f"stock kernel {min(figures[False])} to {max(figures[False])}, "
        f"with vmgenc {max(figures[True])}")


if __name__ == "__main__":
    tap.main(scenario)
