#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Clones of one snapshot draw the time that their hooks wait after the reseed, so each draws
another one. What ten thousand of them ask a server then is in tests/unit/t-jitter.c."""

import re

from harness import tap
from harness.scenario import ALL, boot, new_guid, say, seed

CLONES = 20 if ALL else 5
# So long that two of twenty clones draw the same number of milliseconds once in 400,000 times.
FILES = {"/etc/vmgen/hooks.d/40-hook": ("#!/bin/sh\n", 0o755),
         "/etc/vmgen/vmgend.conf": "[vmgend]\njitter = 86400\n"}
LOG = "/tmp/vmgend"
# Of what the snapshot's own generator would say next, which clones have in common.
DRAW = "head -c 16 /dev/urandom | od -An -tx1"


def jitters(c):
    """[milliseconds] of the hooks, in the order in which they begin to wait."""
    return [int(ms) for ms in re.findall(r"(?m): begins in (\d+) ms$", c.run(f"cat {LOG}"))]


def draw(snapshot, guid, t):
    with snapshot.clone(guid=guid) as c:
        c.wait_for(f"grep -q 'begins in' {LOG}")
        log = c.run(f"cat {LOG}")
        t.ok(0 <= log.find("reseeded") < log.find("begins in"), "the reseed comes first")
        return jitters(c)


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["vmgend", "vmgenctl"], guid=guid, files=FILES, icount=True) as g:
        seed(g)
        g.spawn(f"exec vmgend >{LOG} 2>&1")
        g.wait_for("vmgenctl wait --settled")
        g.run(DRAW)
        snapshot = g.snapshot()
    same = []
    for _ in range(2):
        with snapshot.clone(guid=guid) as c:
            same.append(c.run(DRAW))
            t.equal(jitters(c), [], "without a change no hook waits")
    t.equal(same[0], same[1], "without a change clones draw the same numbers")
    found = [draw(snapshot, new_guid(), t) for _ in range(CLONES)]
    drawn = [ms for clone in found for ms in clone]
    t.ok(all(found), "each clone has drawn")
    t.equal(len(set(drawn)), len(drawn), f"{CLONES} clones of one snapshot draw different times")
    say(f"{kernel}: the jitter of clones, in seconds: {' '.join(f'{ms // 1000}' for ms in drawn)}")


if __name__ == "__main__":
    tap.main(scenario)
