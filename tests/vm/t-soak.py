#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""One guest for hours: snapshots of snapshots, restored, cloned twice at once, taken back; asleep,
with processes of vmgend killed or ended, and with a full disk. After each all is as it must be, and
what vmgend and the kernel keep in memory does not grow.

VMGEN_HOURS= says how long (make soak HOURS=), VMGEN_SEED= repeats the order.
"""

import collections
import os
import random
import statistics
import time

from harness import tap
from harness.faults import STATE
from harness.moment import Subject
from harness.scenario import say

HOURS = float(os.environ.get("VMGEN_HOURS") or 0)
SEED = int(os.environ.get("VMGEN_SEED") or random.SystemRandom().randrange(1 << 32))
# So often of a hundred; each is a method of Soak.
ROUNDS = {"restore": 30, "hasty": 12, "back": 10, "pair": 8, "same": 6, "kill": 14, "restart": 6,
          "asleep": 5, "sleep": 4, "full": 5}
VICTIMS = ("vmgend", "guardian", "keeper", "held", "standby", "pinner", "sentinel", "all")
# How many of the snapshots before are kept, to go back to.
KEPT = 10
# Of an answer to a change.
SPAN_US = 2000000
FILL = f"! dd if=/dev/zero of={STATE}/fill bs=4k 2>/dev/null"
# At least so many rounds, however long they take.
LEAST = 30
REPORT_SECONDS = 300
SHOWN = 10
# What is measured, by how much of it more is no growth: what the last quarter of all rounds has in
# the middle, against the first. A vmgend that was just started has not read the history yet.
FLAT = {"descriptors": 0, "keepers": 0, "RssAnon": 1024, "SUnreclaim": 512, "KernelStack": 128,
        "Percpu": 64, "VmallocUsed": 256}


class Soak:
    def __init__(self, kernel, dice):
        self.dice = dice
        self.subject = Subject.first(kernel)
        self.kept = collections.deque()
        self.done = collections.Counter()
        self.figures = []
        self.killed = collections.Counter()
        self.wrong = []
        self.doing = "first"
        self.changes = self.snapshots = self.deepest = 0
        self.restore()
        self.check(self.subject)
        self.subject.fill_history()

    def keep(self, asleep=False):
        """A snapshot of the guest, which ends; the oldest one that is kept goes."""
        if len(self.kept) == KEPT:
            self.kept.popleft().drop()
        self.kept.append(self.subject.save(asleep))
        self.snapshots += 1
        return self.kept[-1]

    def go_on(self, moment, same=False):
        self.subject = Subject.resume(moment, same)
        self.changes += not same
        self.deepest = max(self.deepest, self.subject.known.depth)

    # ---- the rounds -----------------------------------------------------------------------------

    def restore(self):
        self.go_on(self.keep())

    def hasty(self):
        """The next snapshot is of a guest that has not answered yet."""
        self.go_on(self.keep())
        # Or two changes might be one.
        self.subject.guest.run(f"test $(sysctl -n dev.vmgenc.0.generation) ="
                              f" {self.subject.known.generation}")
        self.go_on(self.keep())

    def back(self):
        """All that came after a snapshot has never been."""
        self.subject.end()
        self.subject = None
        self.go_on(self.dice.choice(self.kept))

    def pair(self):
        """Two clones of one snapshot at once, of which either goes on."""
        moment = self.keep()
        self.go_on(moment)
        first = self.subject
        self.go_on(moment)
        draws = [each.guest.run("head -c 16 /dev/urandom | md5sum") for each in (first, self.subject)]
        if draws[0] == draws[1]:
            self.fail("two clones have drawn the same")
        self.check(first)
        if self.dice.random() < 0.5:
            first, self.subject = self.subject, first
        first.end()

    def same(self):
        """Restored with the ID that it had: nothing has changed."""
        self.go_on(self.keep(), same=True)

    def kill(self):
        """While it answers, or before that, or afterwards."""
        who = self.dice.choice(VICTIMS)
        self.killed[who] += 1
        self.subject.strike(self.dice, who, SPAN_US)
        self.go_on(self.keep())
        self.subject.wait_for_strike()

    def restart(self):
        self.subject.guest.run(f"kill {self.subject.status()['pid']}")
        self.subject.known.journal.struck.append("restart")
        self.go_on(self.keep())

    def sleep(self):
        self.subject.guest.fall_asleep()
        self.subject.guest.wake()

    def asleep(self):
        self.subject.guest.fall_asleep()
        self.go_on(self.keep(asleep=True))

    def full(self):
        """The change that is not on record is told; the next one is."""
        self.subject.guest.run(FILL)
        self.go_on(self.keep())
        # Nobody goes back there, where nothing can be recorded.
        self.kept.pop().drop()
        self.subject.settle()
        if self.subject.status().get("recorded"):
            self.fail("the disk is full, and it is recorded all the same")
        self.subject.guest.run(f"rm {STATE}/fill")
        self.go_on(self.keep())

    # ---- what must be so ------------------------------------------------------------------------

    def fail(self, text):
        self.wrong.append(f"round {sum(self.done.values())}, {self.doing}: {text}")

    def check(self, subject):
        subject.settle()
        for text in subject.wrong():
            self.fail(text)

    def round(self):
        self.doing = self.dice.choices([*ROUNDS], ROUNDS.values())[0]
        getattr(self, self.doing)()
        self.check(self.subject)
        self.done[self.doing] += 1
        self.subject.ready()
        self.figures.append(self.subject.measure())

    def run(self, seconds):
        began = reported = time.monotonic()
        while len(self.wrong) < SHOWN and (sum(self.done.values()) < LEAST or
                                           time.monotonic() - began < seconds):
            self.round()
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                say(f"{(reported - began) / 60:.0f} min: {self.summary()}")
        self.subject.guest.__exit__(None, None, None)
        for moment in self.kept:
            moment.drop()

    def summary(self):
        return (f"{self.snapshots} snapshots, {self.changes} changes, depth {self.deepest}, "
                f"wrong: {len(self.wrong)}")


def quarters(figures, name):
    """The median of the first and the last quarter."""
    values = [figure[name] for figure in figures]
    size = max(len(values) // 4, 1)
    return statistics.median(values[:size]), statistics.median(values[-size:])


def counts(counter):
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def check_flat(figures, t):
    told = []
    for name, more in FLAT.items():
        first, last = quarters(figures, name)
        t.ok(last <= first + more, f"{name} does not grow: {first:.0f}, then {last:.0f}")
        told.append(f"{name} {first:.0f} -> {last:.0f}")
    return ", ".join(told)


def scenario(kernel, t):
    say(f"{kernel}: VMGEN_SEED={SEED}, {HOURS:g} hours")
    soak = Soak(kernel, random.Random(SEED))
    soak.run(HOURS * 3600)
    t.equal(soak.wrong[:SHOWN], [], "after each round all is as it must be")
    flat = check_flat(soak.figures, t)
    say(f"{kernel}: {soak.summary()}; "
        f"rounds: {counts(soak.done)}; killed: {counts(soak.killed)}")
    say(f"{kernel}: first and last quarter (KiB or numbers): {flat}")


if __name__ == "__main__":
    tap.main(scenario)
