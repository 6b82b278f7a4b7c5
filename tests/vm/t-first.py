#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What programs do first in a clone, through the library, with 1, 2 and 4 CPUs at work: none of
them goes one round on the old generation, and none draws a number that a sibling draws as well."""

import collections

from harness import tap
from harness.first import First
from harness.scenario import boot, new_guid, say, seed

CPUS = (4, 2, 1)
DRAWS = 100
SIBLINGS = 2
SWITCH_OFF = "for i in $(seq {} 3); do echo 0 >/sys/devices/system/cpu/cpu$i/online; done"


def snapshots(kernel):
    """{CPUs: (the program, a snapshot while it was at work)} of one guest."""
    found = {}
    with boot(kernel, ["first"], sanitized=False, guid=new_guid(), cpus=max(CPUS),
              memory=256) as g:
        seed(g)     # or each clone would seed its generator by itself
        for cpus in CPUS:
            # What is left is a machine of so many: the others sleep for good.
            g.run(SWITCH_OFF.format(cpus))
            first = First(g, DRAWS)
            found[cpus] = first, g.save(f"state-{cpus}")
            g.resume()
            first.end()
    return found


def check(cpus, first, snapshot, t):
    """(rounds on the old generation, numbers in common, how many were cut in two)"""
    stale, drawn, cut, early = [], [], [], 0
    for _ in range(SIBLINGS):
        with snapshot.clone(guid=new_guid(), paused=True) as c:
            it = first.of(c)
            rounds = it.rounds()
            t.equal((len(rounds["look"]), len(rounds["draw"]), min(rounds["look"]) > 0),
                    (cpus, cpus, True), f"{cpus} CPUs: each was at work")
            c.resume()
            stale += it.stale(rounds)
            numbers = it.drawn(rounds)
            drawn += numbers[0]
            cut += numbers[1]
            early += numbers[2]
    t.equal(stale, [0] * cpus * SIBLINGS, f"{cpus} CPUs: no round on the old generation")
    t.equal(early, 0, f"{cpus} CPUs: no draw on it either")
    t.ok(len(drawn) >= cpus * SIBLINGS * (DRAWS - 1), f"{cpus} CPUs: {len(drawn)} draws")
    common = [number for number, count in collections.Counter(drawn).items() if count > 1]
    t.equal(common, [], f"{cpus} CPUs: siblings have no number in common")
    return max(stale), len(common), len(cut) - len(set(cut))


def scenario(kernel, t):
    figures = {}
    for cpus, (first, snapshot) in snapshots(kernel).items():
        figures[cpus] = check(cpus, first, snapshot, t)
    say(f"{kernel}: through the library, with {', '.join(map(str, CPUS))} CPUs: rounds on the old "
        "generation " + ", ".join(str(stale) for stale, _, _ in figures.values()) +
        "; numbers in common " + ", ".join(str(common) for _, common, _ in figures.values()) +
        "; of draws cut in two " + ", ".join(str(cut) for _, _, cut in figures.values()))


if __name__ == "__main__":
    tap.main(scenario)
