#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgend and the keepers of its hooks are killed and the power fails, over and over, at random
moments of a run: every change is handled, no hook that succeeded runs again for it, none runs
before its turn, and the record is never lost.

VMGEN_KILLS= and VMGEN_CUTS= say how often (make check-faults), VMGEN_SEED= repeats the moments.
"""

import os
import random
import time

import tap
from faults import GUARDS, HOOKS, Disk, Journal, Rig, hash_of, number, recorded
from scenario import new_guid, say

KILLS = int(os.environ.get("VMGEN_KILLS") or 20)
CUTS = int(os.environ.get("VMGEN_CUTS") or 3)
SEED = int(os.environ.get("VMGEN_SEED") or random.SystemRandom().randrange(1 << 32))
# Of the strikes, and of the changes that come before the run for the last one is over.
VICTIMS = ("vmgend", "keeper", "all")
WEIGHTS = (5, 4, 2)
HASTE = 0.25
# Of the power cuts: vmgend finds something to do, answers a change, or has answered it.
MOMENTS = ("at start", "in a run", "afterwards")
LONGEST_S = 2
SHOWN = 10


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
        rig.start()
        rig.settle()
        began = time.monotonic()
        self.change()
        self.catch_up()
        self.span_us = int((time.monotonic() - began) * 1e6)

    def change(self):
        self.rig.change()
        self.hashes.append(self.rig.digest)

    def strike(self):
        strikes = self.dice.randint(1, 3)
        self.rig.guest.run("; ".join(
            f"strike {self.dice.randrange(self.span_us // strikes)} {who}"
            for who in self.dice.choices(VICTIMS, WEIGHTS, k=strikes)))

    def catch_up(self):
        """Let the run end, and look at what was done."""
        self.rig.settle()
        state = self.rig.state()
        self.journal.read(self.rig.guest.run("cat /log/hooks && >/log/hooks"))
        newest = self.hashes[-1]
        if missing := self.journal.missing(newest):
            self.unhandled.append(f"change {len(self.hashes) - 1}: {' '.join(missing)}")
        if state["handled"] != newest or "run" in state:
            self.unhandled.append(f"change {len(self.hashes) - 1}: not on record")
        if recorded(state, newest) != set(HOOKS):
            self.unhandled.append(f"change {len(self.hashes) - 1}: {state['last']['hooks']}")

    def go_on(self, kills):
        while sum(self.journal.kills.values()) < kills:
            self.change()
            self.strike()
            if self.dice.random() > HASTE:
                self.catch_up()
        self.catch_up()


def check_kills(kernel, dice, t):
    guid = new_guid()
    with Rig(kernel, guid, Disk("kills")) as rig:
        kills = Kills(rig, guid, dice)
        kills.go_on(KILLS)
        journal = kills.journal
        check_list(t, kills.unhandled, "kills: every change is handled by every hook")
        check_list(t, journal.wrong, "kills: no hook runs twice, nor before its turn")
        t.ok(min(journal.kills.values()) > 0, "kills: both were hit")
        check_record(rig.said(), t, "kills")
    say(f"{kernel}: {len(kills.hashes) - 1} changes, vmgend killed {journal.kills['vmgend']} times,"
        f" keepers {journal.kills['keeper']}; hooks repeated because their keeper was killed: "
        f"{journal.repeats}")


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
                began = time.monotonic()
                rig.change()
                self.note_id(rig.guid)
            if moment == "afterwards":
                rig.settle()
                self.told = rig.digest
            time.sleep(max(0, began + self.dice.uniform(0, LONGEST_S) - time.monotonic()))
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
        if newest != latest:
            if self.order.index(newest) < self.order.index(latest):
                self.fail(self.lost, f"hooks ran for {latest}, but on record is {newest}")
            return
        for hook, digest, event in starts:
            if digest != latest:
                continue
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
        # The power failed between the end of a hook and its record.
        repeated = set(new) & set(hooks_of("end", before, rig.digest))
        self.repeats += len(repeated)
        if len({number(hook) for hook in repeated}) > 1:
            self.fail(self.lost, f"{' '.join(repeated)} had ended, one after the other")


def check_cuts(kernel, dice, t):
    cuts = Cuts(kernel, dice)
    cuts.boot("in a run")
    for _ in range(CUTS - 1):
        cuts.boot(dice.choice(MOMENTS))
    cuts.boot("afterwards")
    check_list(t, cuts.unhandled, "cuts: every change is handled")
    check_list(t, cuts.wrong, "cuts: no hook that has succeeded on record runs again")
    check_list(t, cuts.lost, "cuts: the record is never lost, nor a result that was followed up")
    say(f"{kernel}: power cut {cuts.boots} times ("
        + ", ".join(f"{count} {moment}" for moment, count in cuts.moments.items())
        + f"); hooks repeated because the cut came before their record: {cuts.repeats}")


def scenario(kernel, t):
    say(f"{kernel}: VMGEN_SEED={SEED}")
    dice = random.Random(SEED)
    if KILLS:
        check_kills(kernel, dice, t)
    if CUTS:
        check_cuts(kernel, dice, t)


if __name__ == "__main__":
    tap.main(scenario)
