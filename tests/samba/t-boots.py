#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A host that gives a new ID at each boot: what these cost, that a real restore after them is
repaired anyway, and that a boot of which vmgend knows that it is none costs nothing. With
VMGEN_LONG= (make check-hooks) servers run at each boot, and how much may be lost is looked at.
"""

import json
import os
import re
import subprocess
import time
import uuid

from harness import installation, record
from harness.alone import Alone, install_vmgenctl
from harness.domain import network

LONG = os.environ.get("VMGEN_LONG")
BOOTS = 20
POOL = 500
LEAST = 100
MOST = 550
HOUR = 3600
YEAR = 31_557_600
HARMLESS = {"skipped": True, "shutdown": "clean", "counter": "same"}
ADOPTED = "vmgend knows that this is no rollback"


def wrong(seconds, known="free", hardware="none"):
    return (f"{installation.GUEST}/clock.py", str(seconds), known, str(hardware))


# As that of a machine whose host knows what time it is.
RIGHT = wrong(0, "free", 0)


class Machine(Alone):
    """With a record of what it has been through, which goes back with its disk as all else."""

    def __init__(self):
        super().__init__()
        self.must("repair")
        self.past = [record.run(self.id, event="adopted")]
        self.kept = {}

    def snapshot(self, name):
        super().snapshot(name)
        self.kept[name] = self.past[:]

    def restore(self, name):
        super().restore(name)
        self.past = self.kept[name][:]

    def boot(self, *options, program=RIGHT, environment=None, **members):
        """With a new ID; (exit status, what is said)"""
        self.new_id()
        self.past.append(record.run(self.id, **members))
        record.write(self, *self.past)
        return self.safeguard("before-start", *options, program=program, **(environment or {}))

    def work(self, *names):
        """The RIDs that its servers give to new users."""
        if not LONG:
            return {self.make_user(name) for name in names}
        self.start()
        self.add(*names)
        self.stop()
        objects = self.facts()["objects"]
        return {objects[name]["rid"] for name in names}


def due(status, output):
    """(least, most) pools that would be left out, or None."""
    found = re.search(r"would leave out (\d+) to (\d+) pools of 500 RIDs", output)
    return (int(found[1]), int(found[2])) if found and not status else None


def boots(dc, t):
    """Each repaired, as nothing on the disk tells that it was none."""
    before, given = dc.facts(), []
    first = before["available"][0]
    for number in range(BOOTS):
        begun = time.monotonic()
        status, output = dc.boot()
        took, after = time.monotonic() - begun, dc.facts()
        left = after["available"][0] - before["available"][0] - POOL
        good = status == 0 and after["generation"] == dc.id and \
            after["invocation"] != before["invocation"] and LEAST * POOL <= left <= 2 * LEAST * POOL
        if not t.ok(good, f"boot {number + 1}: repaired, {left} RIDs left out, {took:.1f} s"):
            t.note(f"{status}: {output}")
        before = after
        if LONG or number in (0, BOOTS - 1):
            given += dc.work(f"boot{number}")
    t.equal(len(set(given)), len(given), f"each user has a RID of its own: {given}")
    cost = before["available"][0] - first
    t.ok(cost <= BOOTS * (2 * LEAST + 1) * POOL, f"{BOOTS} boots cost {cost} RIDs")
    t.note(f"a domain has RIDs for {(1 << 30) * BOOTS // cost} such boots")
    t.ok("repairs in a day:     20, up to 2000000 RIDs of 3300000" in dc.safeguard("--check")[1],
         "--check tells of them")


def rollback(dc, t):
    """A real one, after these."""
    dc.snapshot("before")
    lost = dc.work(*(f"lost{i}" for i in range(30 if LONG else 3)))
    before = dc.facts()
    dc.restore("before")
    status, output = dc.boot()
    t.equal((status, dc.facts()["generation"]), (0, dc.id), "it goes back: repaired") or \
        t.note(output)
    t.ok(dc.facts()["invocation"] != before["invocation"], "with a new identity")
    new = dc.work("new1", "new2")
    t.ok(not new & lost and min(new) > max(lost),
         f"the next RIDs, from {min(new)} on, are none that were lost, {min(lost)} to {max(lost)}")
    t.equal(dc.errors(), 0, "dbcheck finds no error")


def bulk(dc, t):
    """The limit: more than is left out was given out in the lost time, and nobody else knows."""
    dc.restore("before")
    first = dc.facts()["available"][0]
    last = first + 205 * POOL
    dc.boot()
    t.ok(dc.facts()["pool"][0] < last, "after an import in bulk RIDs may be given twice")
    dc.must("repair", "--rolled-back", program=RIGHT)
    found = dc.facts()["pool"][0]
    t.ok(found >= last + 440 * POOL, "unless an administrator has more left out: 275000 at least")
    t.ok(found - first >= (LEAST + MOST) * POOL, f"{found - first} together")


def harmless(dc, t):
    dc.restore("adopted")
    for number in range(3 if LONG else 1):
        before = dc.facts()
        status, output = dc.boot(**HARMLESS)
        t.equal((status, dc.facts()), (0, {**before, "generation": dc.id}),
                f"known to be no rollback, {number + 1}: the ID is adopted, and nothing else is "
                "done") or t.note(output)
        t.ok(ADOPTED in output and "event 2179:" in output, "and it is said")
    dc.new_id()
    dc.past.append(record.run(dc.id, **HARMLESS))
    record.write(dc, *dc.past)
    status, output = dc.safeguard("--check")
    t.equal((status, ADOPTED in output), (7, True), "--check tells so before") or t.note(output)
    t.equal(dc.safeguard("before-start", "--dry-run")[0], 0, "and --dry-run")
    dc.must("before-start")
    first, copy = dc.facts(), f"{dc.directory}.copy"
    t.equal(first["generation"], dc.id, "which keep nothing from it")
    # What Samba had at the boot before is put back, and the record of vmgend is not.
    dc.snapshot("copy")
    status, output = dc.boot(**HARMLESS)
    subprocess.run(["rm", "-rf", installation.path(f"{dc.directory}/private")], check=True)
    subprocess.run(["cp", "-a", installation.path(f"{copy}/private"),
                    installation.path(dc.directory)], check=True)
    dc.must("before-start")
    t.ok(dc.facts()["invocation"] != first["invocation"],
         "a copy of the database from before it is repaired, although the ID was adopted")


def not_harmless(dc, t):
    """All else is a rollback."""
    other = str(uuid.uuid4())
    for name, members, options in (
            ("nothing is skipped", {"skipped": False}, ()),
            ("no clean shutdown", {"shutdown": "unclean"}, ()),
            ("no word of the shutdown", {"shutdown": ""}, ()),
            ("the counter has moved on", {"counter": "other"}, ()),
            ("no counter", {"counter": "none"}, ()),
            ("noticed while it ran", {"event": "changed"}, ()),
            ("made up for another ID", {"id_hash": record.hash_of(other)}, ()),
            ("an administrator knows better", {}, ("--intent=restore",))):
        dc.restore("adopted")
        repaired(dc, t, name, *dc.boot(*options, **{**HARMLESS, **members}))
    dc.restore("adopted")
    dc.past = []
    repaired(dc, t, "nothing on record before", *dc.boot(**HARMLESS))
    dc.restore("adopted")
    dc.past.append(record.run(other))
    repaired(dc, t, "a rollback before it that Samba was not there for", *dc.boot(**HARMLESS))
    dc.restore("adopted")
    dc.past.append(record.run(other, **HARMLESS))
    repaired(dc, t, "two boots since Samba ran", *dc.boot(**HARMLESS))
    dc.restore("adopted")
    stale = str(uuid.uuid4())
    dc.past += [record.run(stale, **HARMLESS), record.run(other)]
    dc.id = stale
    record.write(dc, *dc.past)
    repaired(dc, t, "an old record of an ID that is back", *dc.safeguard("before-start"))
    dc.restore("adopted")
    directory = f"{dc.directory}/vmgen"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", installation.path(directory)], check=True)
    try:
        repaired(dc, t, "a state directory on another disk", *dc.boot(**HARMLESS))
    finally:
        subprocess.run(["umount", installation.path(directory)], check=True)


def repaired(dc, t, name, status, output):
    after = dc.facts()
    t.equal((status, after["generation"] == dc.id, ADOPTED in output, "event 1109:" in output),
            (0, True, False, True), f"{name}: repaired") or t.note(output)


def time_lost(dc, t):
    """How much may be lost is told by the clock, if that is known to be right."""
    dc.restore("adopted")
    for name, seconds, least in (("at once", 0, 100), ("ten hours later", 10 * HOUR, 160),
                                 ("a day later", 24 * HOUR, 244), ("a year later", YEAR, MOST)):
        got = due(*dc.boot("--dry-run", program=wrong(seconds, "free", seconds),
                           detected_usec=int((time.time() + seconds) * 1_000_000)))
        t.ok(got and got[0] in (least, least + 1) and got[1] == 2 * got[0], f"{name}: {got}")
    made = int(time.time() * 1_000_000)
    dc.make_user("since")
    for name, program, members in (
            ("nobody knows what time it is", wrong(0), {}),
            ("the hardware clock says something else", wrong(0, "free", 2 * 24 * HOUR), {}),
            ("the clock is behind", wrong(-HOUR, "free", -HOUR),
             {"detected_usec": int((time.time() - HOUR) * 1_000_000)}),
            ("Samba has written since", wrong(0, "set"), {"detected_usec": 1_700_000_000_000_000}),
            ("it has made a user since", wrong(0, "set"), {"detected_usec": made}),
            ("nothing is on record", wrong(0, "set"), {"id_hash": "0" * 64}),
            ("a record that makes no sense", wrong(0, "set"), {"detected_usec": 1 << 63}),
            ("it crashed, or ran when the snapshot was taken", wrong(0, "set"), {"shutdown": "unclean"}),
            ("it ran, and nobody set the clock", wrong(0, "set"), {"event": "changed"}),
            ("it ran, and the run has not ended", wrong(0, "set"),
             {"event": "changed", "finished_usec": 0})):
        t.equal(due(*dc.boot("--dry-run", program=program, **members)), (MOST, 2 * MOST), name)
    t.equal(due(*dc.boot("--dry-run", program=wrong(0, "set"))), (100, 200), "set by another: known")


def live(dc, t):
    """A machine that went back while it ran: by how far its clock was set tells it."""
    now, hours = int(time.time() * 1_000_000), 5 * HOUR * 1_000_000
    boottime = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1_000_000)
    later = wrong(5 * HOUR, "set")
    run = {"event": "changed", "detected_usec": now, "detected_boottime_usec": boottime}
    ended = {"finished_usec": now + 10 + hours, "finished_boottime_usec": boottime + 10,
             "detected_corrected_usec": now + hours}
    for name, members, environment, want in (
            ("the run has ended", {**run, **ended}, {}, (50, 100)),
            ("in the run", {**run, "finished_usec": 0}, {"VMGEN_EVENT": "changed"}, (50, 100)),
            ("not in the run", {**run, "finished_usec": 0}, {}, (MOST, 2 * MOST)),
            ("of another boot", {**run, "finished_usec": 0, "detected_boottime_usec": 1 << 62},
             {"VMGEN_EVENT": "changed"}, (MOST, 2 * MOST))):
        dc.restore("adopted")
        got = due(*dc.boot("--dry-run", program=later, environment=environment, **members))
        t.equal(got, want, f"live, {name}")


def undecided(dc, t):
    """It ran where nothing told whether it was rolled back."""
    dc.restore("adopted")
    identity, dc.id = dc.id, str(uuid.UUID(int=0))
    t.equal(dc.safeguard("before-start")[0], 0, "without an ID Samba starts")
    t.equal(due(*dc.boot("--dry-run", program=wrong(0, "set"))), (MOST, 2 * MOST),
            "and when there is one again nobody knows how much was lost before")
    dc.id = identity
    dc.must("before-start")
    t.equal(due(*dc.boot("--dry-run", program=wrong(0, "set"))), (20, 40),
            "unless it is the one on record")


def unfinished(dc, t):
    """With a partner the RID master leaves out no RIDs before the check, which a boot puts off."""
    dc.restore("adopted")
    dc.add_partner()
    days = 3 * 24 * HOUR
    status, output = dc.boot(program=wrong(days, "set"),
                             detected_usec=int((time.time() + days) * 1_000_000))
    t.ok(status == 0 and "hold back its roles" in output, "a rollback of three days") or \
        t.note(output)
    t.equal(dc.boot()[0], 0, "and a boot before that was checked")
    first = dc.facts()["available"][0]
    dc.must("verify", "--force")
    left = dc.facts()["available"][0] - first - POOL
    t.ok(452 * POOL <= left <= 2 * 453 * POOL, f"the rollback counts: {left} RIDs are left out")
    t.equal(dc.boot()[0], 0, "a boot after that")
    first = dc.facts()["available"][0]
    dc.must("verify", "--force")
    left = dc.facts()["available"][0] - first - POOL
    t.ok(LEAST * POOL <= left <= 2 * LEAST * POOL, f"costs no more than others: {left} RIDs")
    dc.boot()
    for name, text in (("lost", None),
                       ("of another repair", "5a5a5a5a-0000-4000-8000-000000000001")):
        path = installation.path(f"{dc.directory}/vmgen/samba-ad/expected")
        if text:
            dc.boot()
            path.write_text(json.dumps({**json.loads(path.read_text("ascii")),
                                        "invocation_id": text}), "ascii")
        else:
            path.unlink()
        dc.boot()
        t.equal(json.loads(path.read_text("ascii"))["pools"], MOST, f"what was noted is {name}: "
                "as if nobody knew how much was lost")


def scenario(_suite, t):
    install_vmgenctl()
    dc = Machine()
    network([1])
    dc.configure()
    dc.snapshot("adopted")
    more = (bulk, not_harmless, time_lost, live, undecided, unfinished) if LONG else ()
    for test in (boots, rollback, harmless, *more):
        test(dc, t)


if __name__ == "__main__":
    installation.main(scenario)
