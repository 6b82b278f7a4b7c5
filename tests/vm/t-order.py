#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Nobody wakes, and nobody sees the generation move, before the kernel's generator was reseeded:
what two siblings draw from that moment on has nothing in common, on one CPU or many. And a crowd
of nobody's does not delay the privileged, nor does it keep interrupts waiting."""

from harness import crowd, tap
from harness.scenario import ALL, boot, new_guid, say, seed

WAYS = ("read", "poll", "wait", "map", "sysctl", "uevent", "changed", "vmgen_wait")
CPUS = (1, 2, 4) if ALL else (1, 4)
# Of each way: see notice.c.
DRAWS = 64
TRIES = 8
# Who waits beside root: so few that they are woken at once, and a crowd.
FEW, MANY = 1, 50000 if ALL else 10000
MS = 1000000
# Instructions are counted, but on the way there are others: a command of the host, the log.
LONGER, LATE_MS = 8, 4


def start_waiting(g):
    for way in WAYS:
        # They push the module's own thread aside wherever it lets them.
        g.spawn(f"exec chrt -f 99 notice {way} >/tmp/{way}")
    ready = "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -cE '/dev/vmgenid|vmgenc/0/generation'"
    g.wait_for(f"test $({ready}) -ge {len(WAYS)}")
    g.run(f"cd /tmp && ! grep . {' '.join(WAYS)}")


def collect(c):
    """{way: (generation, draws)}"""
    for way in WAYS:
        c.wait_for(f"grep . /tmp/{way}")
    lines = c.run(f"cd /tmp && cat {' '.join(WAYS)}").splitlines()
    return {way: (fields[0], set(fields[1:]))
            for way, fields in zip(WAYS, map(str.split, lines), strict=True)}


def in_common(a, b):
    """How many draws of each way in one sibling were drawn by anybody in the other."""
    others = set().union(*(draws for _, draws in b.values()))
    return {way: len(draws & others) for way, (_, draws) in a.items()}


def pair(snapshot, guids):
    seen = []
    for guid in guids:
        with snapshot.clone(guid=guid) as c:
            seen.append(collect(c))
    return seen


def control(snapshot, guid):
    """What siblings that do not change have in common, and a snapshot of such.

    A generator that happens to reseed by itself just then would hide it, so try more moments.
    """
    most = dict.fromkeys(WAYS, 0)
    for _ in range(TRIES):
        common = in_common(*pair(snapshot, [guid, guid]))
        most = {way: max(n, common[way]) for way, n in most.items()}
        if all(most.values()):
            break
        with snapshot.clone(guid=guid) as c:
            collect(c)
            start_waiting(c)
            snapshot = freeze(c)
    return most, snapshot


def freeze(g):
    """A snapshot in which the watchers are about to be told to draw, whatever happens."""
    g.spawn("sleep 1; exec killall -USR1 notice")
    return g.snapshot()


def waits(g, count):
    """How long each waits in a clone of the guest, which is as it was afterwards."""
    pids = crowd.gather(g, count)
    snapshot = g.save(str(count))
    g.resume()
    g.run(f"kill {' '.join(map(str, pids))}")
    with snapshot.clone(guid=new_guid()) as c:
        return crowd.measure(c, count)


def check_crowd(kernel, t):
    with boot(kernel, ["waiters"], guid=new_guid(), icount=True) as g:
        few, many = waits(g, FEW), waits(g, MANY)
    for who in ("root", "heir"):
        t.ok(getattr(many, who) < LONGER * getattr(few, who),
             f"{who} is told as fast beside {MANY} as beside {FEW}: {getattr(many, who) / MS} ms, "
             f"{getattr(few, who) / MS} ms")
    t.ok(many.latest < LATE_MS * MS,
         f"nor are interrupts off for as long as that takes: {many.latest / MS} ms")
    say(f"{kernel}: from the change to root's wake-up beside {FEW} others: {few.root / MS:.2f} ms, "
        f"beside {MANY}: {many.root / MS:.2f} ms; these: {many.crowd / MS:.2f} ms")


def check(kernel, cpus, t):
    guid = new_guid()
    with boot(kernel, ["notice"], guid=guid, cpus=cpus, icount=cpus == 1,
              cmdline="preempt=full") as g:
        seed(g)
        start_waiting(g)
        snapshot = freeze(g)
    same, snapshot = control(snapshot, guid)
    t.equal([way for way in WAYS if not same[way]], [],
            f"CPUs {cpus}: where nothing changed, siblings draw the same by every way")
    changed = pair(snapshot, [new_guid(), new_guid()])
    t.equal([way for way in WAYS for sibling in changed if sibling[way][0] != "2"], [],
            f"CPUs {cpus}: after a change everybody sees generation 2")
    common = in_common(*changed)
    t.equal({way: n for way, n in common.items() if n}, {},
            f"CPUs {cpus}: and nothing that is drawn then is drawn by a sibling")
    say(f"{kernel}, CPUs {cpus}: draws in common, of {len(WAYS) * DRAWS}: "
        f"{sum(same.values())} without a change, {sum(common.values())} after one")


def scenario(kernel, t):
    for cpus in CPUS:
        check(kernel, cpus, t)
    check_crowd(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
