#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgend, its guardian, the keepers of its hooks and the rest of its processes are killed and the
power fails, over and over, at random moments of a run: every change is handled, no hook runs beside
itself, none that succeeded runs again for it but a guard, none runs before its turn, and the record
is never lost.

VMGEN_KILLS= and VMGEN_CUTS= say how often (make check-faults), VMGEN_SEED= repeats the moments.
"""

import collections
import os
import random
import time

from harness import tap
from harness.faults import GUARDS, HOOKS, Disk, Journal, Rig, hash_of, number, recorded
from harness.scenario import new_guid, say

KILLS = int(os.environ.get("VMGEN_KILLS") or 10)
CUTS = int(os.environ.get("VMGEN_CUTS") or 3)
SEED = int(os.environ.get("VMGEN_SEED") or random.SystemRandom().randrange(1 << 32))
# Of the strikes, and of the changes that come before the run for the last one is over.
VICTIMS = {"vmgend": 5, "guardian": 4, "keeper": 16, "held": 2, "standby": 2, "pinner": 1, "sentinel": 2,
           "all": 2}
# Those that count; the others only stand by.
COUNTED = ("vmgend", "guardian", "keeper")
HASTE = 0.25
# So often the guardian has its guards ready when a change comes.
READY = 0.75
# Of the power cuts: vmgend finds something to do, answers a change, or has answered it.
MOMENTS = ("at start", "in a run", "afterwards")
LONGEST_S = 2
SHOWN = 10


def figures(counts):
    return ", ".join(f"{what} {count}" for what, count in sorted(counts.items())) or "none"


def check_list(t, wrong, name):
    if not t.equal(wrong[:SHOWN], [], name):
        t.note(f"{len(wrong)} in all; VMGEN_SEED={SEED}")


def check_record(said, t, what):
    """vmgend found its record whenever it started."""
    lines = said.splitlines()
    check_list(t, [line for line in lines if "state.json" in line or "unknown:" in line],
               f"{what}: the record is never damaged")
    t.equal(sum("adopted:" in line for line in lines), 1, f"{what}: nor is it ever lost")
    check_list(t, [line for line in lines if "cannot" in line], f"{what}: nothing else went wrong")


class Kills:
    """One guest in which somebody is killed over and over."""

    def __init__(self, rig, guid, dice):
        self.rig = rig
        self.dice = dice
        self.hashes = [hash_of(guid)]
        self.journal = Journal(self.hashes)
        self.unhandled = []
        self.slow = 0           # how often the guardian was
        rig.start()
        rig.settle()
        # This machine may be busy for a while.
        self.span_us = min(self.measure() for _ in range(3))
        self.catch_up()

    def measure(self):
        """How long an answer takes, in microseconds."""
        self.rig.ready()
        began = time.monotonic()
        self.change()
        self.rig.settle()
        return int((time.monotonic() - began) * 1e6)

    def change(self):
        self.rig.change()
        self.hashes.append(self.rig.digest)

    def strike(self):
        """Has somebody killed before the next change, while it is answered, or afterwards."""
        strikes = self.dice.randint(1, 3)
        victims = self.dice.choices([*VICTIMS], VICTIMS.values(), k=strikes)
        self.rig.guest.spawn("; ".join(
            f"strike {self.dice.randrange(self.span_us // strikes)} {who} {self.dice.randrange(60)}"
            for who in victims) + "; >/run/struck")

    def wait_for_strikes(self):
        self.rig.guest.run("until test -e /run/struck; do usleep 10000; done; rm /run/struck")

    def catch_up(self):
        """Let the run end, and look at what was done."""
        self.rig.settle()
        state = self.rig.state()
        # On a machine that is busy it may take too long, and vmgend takes over, as if it were gone.
        slow = self.rig.said().count("vmgend runs the guards itself")
        self.journal.struck += ["a slow guardian"] * (slow - self.slow)
        self.slow = slow
        self.journal.read(self.rig.guest.run("cat /log/hooks && >/log/hooks"))
        newest = self.hashes[-1]
        if missing := self.journal.missing(newest):
            self.unhandled.append(f"change {len(self.hashes) - 1}: {' '.join(missing)}")
        if state["handled"] != newest or "run" in state:
            self.unhandled.append(f"change {len(self.hashes) - 1}: not on record")
        if recorded(state, newest) != set(HOOKS):
            self.unhandled.append(f"change {len(self.hashes) - 1}: {state['last']['hooks']}")
        if self.dice.random() < READY:
            self.rig.ready()

    def go_on(self, kills):
        killed = self.journal.kills
        while sum(killed[who] for who in COUNTED) < kills or not all(killed[who] for who in COUNTED):
            self.strike()
            self.change()
            self.wait_for_strikes()
            if self.dice.random() > HASTE:
                self.catch_up()
        self.catch_up()
        self.rig.ready()


def check_kills(kernel, dice, t):
    guid = new_guid()
    with Rig(kernel, guid, Disk("kills")) as rig:
        kills = Kills(rig, guid, dice)
        kills.go_on(KILLS)
        journal = kills.journal
        check_list(t, kills.unhandled, "kills: every change is handled by every hook")
        check_list(t, journal.wrong, "kills: no hook runs beside itself, nor before its turn, nor "
                                     "twice without a reason")
        check_record(rig.said(), t, "kills")
    say(f"{kernel}: {len(kills.hashes) - 1} changes; killed: {figures(journal.kills)}; guards "
        f"repeated, by who was killed before: {figures(journal.guards_again)}; other hooks repeated "
        f"because their keeper was killed: {journal.repeats}; others that began after guards of a "
        f"newer change: {journal.overtaken}")


def hooks_of(what, log, digest):
    """Which hooks have left such lines for an ID."""
    lines = [line.split() for line in log if line.startswith(what)]
    return [hook for _, hook, found, _ in lines if found == digest]


class Cuts:
    """A machine whose power fails in every boot."""

    def __init__(self, kernel, dice):
        self.kernel = kernel
        self.dice = dice
        self.disk = Disk("cuts")
        self.guid = new_guid()
        self.told = ""          # the ID that the host was told is handled
        self.order = []         # of all IDs
        self.boots = 0
        self.moments = {moment: 0 for moment in MOMENTS}
        self.unhandled, self.wrong, self.lost = [], [], []
        self.repeats = 0
        self.found = collections.Counter()  # where the cuts came

    def fail(self, what, text):
        what.append(f"boot {self.boots}: {text}")

    def note_id(self, guid):
        if hash_of(guid) not in self.order:
            self.order.append(hash_of(guid))

    def boot(self, moment):
        """Switch on, look at what the last cut has left, and cut."""
        self.boots += 1
        self.moments[moment] += 1
        if self.dice.random() < 0.5:
            self.guid = new_guid()
        self.note_id(self.guid)
        with Rig(self.kernel, self.guid, self.disk) as rig:
            before, state = rig.log().split("\n"), rig.state() or {}
            if self.boots > 1:
                self.check_left(before, state)
            began = time.monotonic()
            rig.start()
            if moment != "at start":
                rig.settle()
                self.check_start(rig, before, state)
                rig.change(wait=moment == "afterwards")
                began = time.monotonic()
                self.note_id(rig.guid)
            if moment == "afterwards":
                rig.settle()
                self.told = rig.digest
            # Most happens soon.
            span = LONGEST_S * self.dice.random() ** 3
            time.sleep(max(0, began + span - time.monotonic()))
            rig.cut()
        self.guid = rig.guid
        self.disk.keep(rig.guest)

    def check_left(self, log, state):
        """What is on disk before vmgend starts."""
        if not state:
            self.fail(self.lost, "there is no record")
            return
        handled = state.get("handled", self.order[0])
        if self.told and self.order.index(handled) < self.order.index(self.told):
            self.fail(self.lost, "what was told to be handled is not on record")
        self.told = ""
        starts = [line.split()[1:] for line in log if line.startswith("start")]
        latest = starts[-1][1] if starts else self.order[0]
        newest = (state.get("run") or state["last"])["id_hash"]
        # What an unfinished run has done is kept until there is one for another ID.
        behind = self.order.index(newest) < self.order.index(latest)
        self.found["guards before their record" if behind else
                   "during a run" if "run" in state else "all on record"] += 1
        if newest != latest and not behind:
            return
        for hook, digest, event in starts:
            # Guards do not wait for the record.
            if digest != latest or hook in GUARDS:
                continue
            if behind:
                self.fail(self.lost, f"{hook} ran for {latest}, but on record is {newest}")
                return
            known = GUARDS if event == "boot-changed" else HOOKS
            before = {h for h in known if number(h) < number(hook)}
            if missing := before - recorded(state, digest):
                self.fail(self.lost, f"{hook} ran, but not on record: {' '.join(sorted(missing))}")

    def check_start(self, rig, before, left):
        """What vmgend has done since."""
        state = rig.state()
        self.told = rig.digest
        if state.get("handled") != rig.digest or "run" in state:
            self.fail(self.unhandled, "not on record")
        if self.boots == 1:
            return
        said = rig.said()
        if any(word in said for word in ("adopted:", "unknown:", "state.json")):
            self.fail(self.lost, said)
        log = rig.log().split("\n")
        new = hooks_of("start", log[len(before) - 1:], rig.digest)
        again = set(new) & recorded(left, rig.digest)
        if again or set(new) - set(GUARDS) or len(new) != len(set(new)):
            self.fail(self.wrong, f"these ran: {' '.join(new)}; again: {' '.join(again)}")
        if left.get("handled") == rig.digest and "run" not in left:
            if new:
                self.fail(self.wrong, f"nothing happened, but these ran: {' '.join(new)}")
        elif missing := set(GUARDS) - set(hooks_of("end", log, rig.digest)):
            self.fail(self.unhandled, f"{' '.join(missing)} did not run")
        # The power failed between the end of a guard and its record.
        self.repeats += len(set(new) & set(hooks_of("end", before, rig.digest)))


def check_cuts(kernel, dice, t):
    cuts = Cuts(kernel, dice)
    cuts.boot("in a run")
    for _ in range(CUTS - 1):
        cuts.boot(dice.choice(MOMENTS))
    cuts.boot("afterwards")
    check_list(t, cuts.unhandled, "cuts: every change is handled")
    check_list(t, cuts.wrong, "cuts: no hook that has succeeded on record runs again")
    check_list(t, cuts.lost, "cuts: the record is never lost, nor a result that was followed up")
    say(f"{kernel}: power cut {cuts.boots} times ({figures(cuts.moments)}), which left: "
        f"{figures(cuts.found)}; guards repeated because the cut came before their record: "
        f"{cuts.repeats}")


def scenario(kernel, t):
    say(f"{kernel}: VMGEN_SEED={SEED}")
    dice = random.Random(SEED)
    if KILLS:
        check_kills(kernel, dice, t)
    if CUTS:
        check_cuts(kernel, dice, t)


if __name__ == "__main__":
    tap.main(scenario)
