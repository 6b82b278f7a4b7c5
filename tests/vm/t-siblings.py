#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How many random numbers, drawn one after the other from the first instruction on, two clones of
one snapshot have in common: none with the module and one CPU, whatever the kernel."""

from harness import draws, tap
from harness.scenario import ALL, WITHOUT_INTREE, boot, new_guid, say, seed
from harness.siblings import SIBLINGS, UPTIME, first_draws, in_common

DRAWS = 1000


def scenario(kernel, t):
    figures = {}
    # Where Linux has a driver of its own, what the stock kernel does is no more than a figure.
    for load in (False, True) if ALL or kernel in WITHOUT_INTREE else (True,):
        guid = new_guid()
        with boot(kernel, ["draw"], load=load, guid=guid, cpus=1, icount=True) as g:
            seed(g)
            g.sleep_until(UPTIME)
            draws.begin(g, guid, DRAWS)
            snapshot = g.snapshot()
        found = first_draws(snapshot, guid, DRAWS)
        t.equal([len(f) for f in found], [DRAWS] * SIBLINGS, "every sibling drew")
        figures[load] = in_common(found)
    if kernel in WITHOUT_INTREE:
        t.ok(min(figures[False]) > 0, "without the module siblings draw the same numbers")
    t.equal(max(figures[True]), 0, "with the module they have none in common")
    for load, common in figures.items():
        say(f"{kernel}: leading draws that siblings have in common, of {DRAWS}, 1 CPU, "
            f"{'with vmgenc' if load else 'stock kernel'}: {min(common)} to {max(common)}")


if __name__ == "__main__":
    tap.main(scenario)
