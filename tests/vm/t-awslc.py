#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A program that detects clones as AWS-LC does needs nothing but the module: it reseeds once, from
a generator that has reseeded before."""

from harness import tap
from harness.scenario import NOBODY, boot, generation, new_guid, seed, test_module

WAYS = ("read", "poll", "map")
DRAWS = 1000
ABORTED = "134"


def start(g):
    """Programs of nobody's that wait: some for the generation to move, two for the host."""
    for way in WAYS:
        g.spawn(f"exec {NOBODY} moved {way} >/tmp/{way}")
    g.run("mkfifo /tmp/draw /tmp/finish")
    g.spawn(f"exec {NOBODY} awslc {DRAWS} 0<>/tmp/draw >/tmp/draws")
    g.spawn(f"{NOBODY} awslc within 0<>/tmp/finish >/tmp/within; echo $? >/tmp/status")
    g.wait_for("grep -q ready /tmp/draws && grep -q ready /tmp/within")
    # Each holds the device open once it waits.
    g.wait_for(f"test $(ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c /dev/sysgenid) -ge {len(WAYS)}")
    g.run(f"sleep 1; cd /tmp && ! grep . {' '.join(WAYS)}")


def finish(c):
    """(draws, reseeds, exit status of the program that was within a draw)"""
    c.run("echo >/tmp/draw; echo >/tmp/finish")
    c.wait_for("grep -q reseeds /tmp/draws && test -s /tmp/status")
    _, *draws, reseeds = c.run("cat /tmp/draws").splitlines()
    return draws, reseeds, c.run("cat /tmp/status").strip()


def first_draws(c, t):
    """What the waiting programs drew as soon as they saw the generation move."""
    for way in WAYS:
        c.wait_for(f"grep . /tmp/{way}")
    seen = [c.run(f"cat /tmp/{way}").split() for way in WAYS]
    t.equal([g for g, _ in seen], ["1"] * len(WAYS), "reader, poller and mapping saw it move by one")
    return [draw for _, draw in seen]


def check_changed(snapshot, t):
    first, drawn = [], []
    for _ in range(2):
        with snapshot.clone(guid=new_guid()) as c:
            first += first_draws(c, t)
            draws, reseeds, status = finish(c)
            t.equal(reseeds, "reseeds 1", "AWS-LC's way to look finds one change")
            t.equal(status, ABORTED, "and aborts the draw that was under way")
            t.equal((c.run("sysgenid show").strip(), generation(c)), ("1", 2),
                    "both devices moved by one")
            drawn += draws
    t.equal(len(set(first)), 2 * len(WAYS), "siblings drew apart as soon as they saw it")
    t.equal(len(set(drawn)), 2 * DRAWS, "nor have AWS-LC's draws any in common")


def check_same(snapshot, guid, t):
    """What the siblings would have drawn: with the same ID they go on with the same state."""
    drawn = []
    for _ in range(2):
        with snapshot.clone(guid=guid) as c:
            # QEMU notifies after every restore. Wait for that, or nothing has been shown.
            c.wait_for("info | grep -qx 'spurious_notifies 1'")
            draws, reseeds, status = finish(c)
            t.equal((reseeds, status), ("reseeds 0", "0"), "the same ID: no reseed, no abort")
            t.equal(c.run(f"sysgenid show; cd /tmp && cat {' '.join(WAYS)}").strip(), "0",
                    "nobody saw it move")
            drawn.append(draws)
    t.equal(drawn[0], drawn[1], "such siblings draw the same numbers")


def scenario(kernel, t):
    for cpus in (1, 2):
        guid = new_guid()
        with boot(kernel, ["awslc", "moved", "sysgenid", "info"], guid=guid, cpus=cpus,
                  files=test_module(kernel, "stall")) as g:
            seed(g)
            g.run("insmod /stall.ko")
            start(g)
            snapshot = g.snapshot()
        t.note(f"{cpus} CPUs")
        check_changed(snapshot, t)
        if cpus == 2:
            check_same(snapshot, guid, t)


if __name__ == "__main__":
    tap.main(scenario)
