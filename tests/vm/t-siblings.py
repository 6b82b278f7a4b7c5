#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How many random numbers, drawn one after the other from the first instruction on, two clones of
one snapshot have in common: none with the module and one CPU, with any kernel. The module must
hear of the change in an interrupt for that: of ACPI without an SCI, as on ARM, it hears later."""

from harness import draws, tap
from harness.scenario import ALL, WITHOUT_INTREE, boot, descriptions, new_guid, say, seed
from harness.siblings import SIBLINGS, UPTIME, first_draws, in_common

DRAWS = 1000


def measure(kernel, load, machine, t):
    guid = new_guid()
    with boot(kernel, ["draw"], load=load, guid=guid, cpus=1, icount=True, **machine) as g:
        seed(g)
        g.sleep_until(UPTIME)
        draws.begin(g, guid, DRAWS)
        snapshot = g.snapshot()
    found = first_draws(snapshot, guid, DRAWS)
    t.equal([len(f) for f in found], [DRAWS] * SIBLINGS, "every sibling drew")
    return in_common(found)


def check(kernel, name, machine, t):
    alone = (kernel, name) in WITHOUT_INTREE or kernel in WITHOUT_INTREE
    # Where Linux has a driver of its own, what the stock kernel does is no more than a figure.
    figures = {load: measure(kernel, load, machine, t)
               for load in ((False, True) if ALL or alone else (True,))}
    if alone:
        t.ok(min(figures[False]) > 0, "without the module siblings draw the same numbers")
    if machine.get("firmware") == "aavmf":
        t.ok(max(figures[True]) < DRAWS, f"{name}: with the module they part when it is notified")
    else:
        t.equal(max(figures[True]), 0, f"{name}: with the module they have none in common")
    for load, common in figures.items():
        say(f"{kernel}: {name}: leading draws that siblings have in common, of {DRAWS}, 1 CPU, "
            f"{'with vmgenc' if load else 'stock kernel'}: {min(common)} to {max(common)}")


def scenario(kernel, t):
    for name, machine in descriptions(kernel).items():
        check(kernel, name, machine, t)


if __name__ == "__main__":
    tap.main(scenario)
