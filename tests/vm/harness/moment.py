# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A guest that is saved and restored without end, and what is known of it at each moment.

All that vmgend writes lies in the guest's memory, so that a snapshot has its record, too, and what
is known goes back with it.
"""

import copy
import dataclasses
import json
import shutil

from harness import qemu
from harness.faults import (FILES, GUARDS, HOOKS, READY, SETTLED, STATE, SUPERVISE, Journal, hash_of,
                            recorded)
from harness.scenario import boot, generation, new_guid, seed

SETTLE_SECONDS = 300
# Room for the record and the history, and for little else.
STATE_KIB = 1024
# As many runs as vmgend keeps: what it has in memory of them does not grow then.
RUNS = 110
FILL_HISTORY = (f'line=$(tail -n 1 {STATE}/history);'
                f' for i in $(seq {RUNS}); do echo "$line"; done >{STATE}/history')
# "FIGURE NUMBER", of vmgend and of the kernel; memory is in KiB. One that was just killed is still
# in the status, until the next one has written its own.
MEASURE = r"""until pid=$(grep -o '"pid": *[0-9]*' /run/vmgen/status.json | grep -o '[0-9]*') &&
	fds=$(ls /proc/$pid/fd 2>/dev/null | wc -l) && rss=$(grep RssAnon /proc/$pid/status 2>/dev/null)
do usleep 50000; done
echo keepers $(ps -o comm | grep -c '^vmgend-keeper')
echo descriptors $fds
echo $rss | tr -d ':'
grep -hE '^(SUnreclaim|KernelStack|Percpu|VmallocUsed)' /proc/meminfo | tr -d ':'
"""


@dataclasses.dataclass
class Known:
    """What must be so in a guest, from what was done to it."""
    guid: str
    journal: Journal
    generation: int = 1
    depth: int = 0          # a clone of a clone of a clone ...

    def change(self):
        """A new ID, which the guest has not seen yet; returns it."""
        self.guid = new_guid()
        self.generation += 1
        self.journal.hashes.append(hash_of(self.guid))
        return self.guid


@dataclasses.dataclass
class Moment:
    """A snapshot, and what was known then."""
    snapshot: object
    known: Known
    asleep: bool

    def drop(self):
        shutil.rmtree(self.snapshot.path.parent)


class Subject:
    """A guest and what is known of it."""

    def __init__(self, guest, known):
        self.guest = guest
        self.known = known

    @classmethod
    def first(cls, kernel):
        """One that was switched on, with vmgend and its hooks."""
        guid = new_guid()
        guest = boot(kernel, ["vmgend", "vmgenctl", "chore", "strike"], sanitized=False, memory=256,
                     guid=guid, files={**FILES, "/bin/ready": (READY, 0o755)}, sleeps=True,
                     qemu=qemu.newer())
        subject = cls(guest, Known(guid, Journal([hash_of(guid)])))
        try:
            seed(guest)
            guest.run(f"mkdir -p {STATE} /log && mount -t tmpfs -o size=4m tmpfs /log &&"
                      f" mount -t tmpfs -o size={STATE_KIB}k tmpfs {STATE}")
            guest.spawn(SUPERVISE)
            subject.settle()
        except BaseException:
            guest.close()
            raise
        return subject

    @classmethod
    def resume(cls, moment, same):
        """One that goes on from a snapshot, with an ID of its own, or with the same one."""
        known = copy.deepcopy(moment.known)
        known.depth += 1
        guest = moment.snapshot.clone(known.guid if same else known.change())
        if moment.asleep:
            guest.wake()
        return cls(guest, known)

    def fill_history(self):
        self.guest.run(FILL_HISTORY)

    def save(self, asleep):
        """A snapshot; this guest has ended then."""
        return Moment(self.guest.snapshot(), self.known, asleep)

    def end(self):
        self.guest.close()
        shutil.rmtree(self.guest.directory)

    def settle(self):
        self.guest.run(SETTLED, timeout=SETTLE_SECONDS)

    def ready(self):
        """Wait until the guardian has all guards ready."""
        self.guest.run(f"ready {len(GUARDS) + 1}", timeout=SETTLE_SECONDS)

    def strike(self, dice, who, span_us):
        """Have somebody killed soon; it may be after the next restore."""
        self.guest.spawn(f"strike {dice.randrange(span_us)} {who} {dice.randrange(60)}; >/run/struck")

    def wait_for_strike(self):
        self.guest.run("until test -e /run/struck; do usleep 10000; done; rm /run/struck")

    def status(self):
        return json.loads(self.guest.run("cat /run/vmgen/status.json"))

    def wrong(self):
        """All that is not as it must be, now that the last change is handled."""
        known, found = self.known, []
        if (seen := generation(self.guest)) != known.generation:
            found.append(f"generation {seen}, not {known.generation}")
        state = json.loads(self.guest.run(f"cat {STATE}/state.json"))
        known.journal.read(self.guest.run("cat /log/hooks 2>/dev/null && >/log/hooks; true"))
        newest = known.journal.hashes[-1]
        if len(known.journal.hashes) > 1:
            if missing := known.journal.missing(newest):
                found.append(f"did not run: {' '.join(missing)}")
            if recorded(state, newest) != set(HOOKS):
                found.append(f"on record: {state['last']['hooks']}")
        if state.get("handled") != newest or "run" in state:
            found.append("not on record as handled")
        found += known.journal.wrong
        known.journal.wrong = []
        said = self.guest.run("cat /log/vmgend; >/log/vmgend")
        return found + [line for line in said.splitlines() if "state.json" in line or "unknown:" in line]

    def measure(self):
        lines = [line.split() for line in self.guest.run(MEASURE).splitlines()]
        return {words[0]: int(words[1]) for words in lines}
