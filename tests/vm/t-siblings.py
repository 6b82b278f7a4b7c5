#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How many random numbers, drawn one after the other from the first instruction on, two clones of
one snapshot have in common: none with the module and one CPU, whatever the kernel."""

import itertools

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
        g.spawn(f"draw {guid} {DRAWS} 60 >/tmp/draws")
        g.wait_for("grep -q ready /tmp/draws")
        snapshot = g.snapshot()
    draws = []
    # IDs that a host counts up share a half with the old one, and look torn.
    for new in [new_guid()] + [new_guid()[:18] + guid[18:] for _ in range(SIBLINGS - 1)]:
        with snapshot.clone(guid=new) as c:
            c.wait_for(f"test $(wc -l </tmp/draws) -ge {DRAWS}")
            draws.append(c.run("cat /tmp/draws").split("\n")[2:DRAWS + 2])
    return draws


def in_common(a, b):
    """Leading draws that two siblings share."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b)))


def scenario(kernel, t):
    figures = {}
    for load in (False, True):
        draws = first_draws(kernel, load)
        t.equal([len(d) for d in draws], [DRAWS] * SIBLINGS, "every sibling drew")
        figures[load] = [in_common(*pair) for pair in itertools.combinations(draws, 2)]
    if kernel in WITHOUT_INTREE:
        t.ok(min(figures[False]) > 0, "without the module siblings draw the same numbers")
    t.equal(max(figures[True]), 0, "with the module they have none in common")
    say(f"{kernel}: leading draws that siblings have in common, of {DRAWS}, 1 CPU: "
        f"stock kernel {min(figures[False])} to {max(figures[False])}, "
        f"with vmgenc {max(figures[True])}")


if __name__ == "__main__":
    tap.main(scenario)
