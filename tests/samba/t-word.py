#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A repair on the word of an administrator: the generation ID is the one on record, or there is
none. And an ID that is gone, comes back, or is an old one again.
"""

import uuid

from harness import installation, record
from harness.alone import Alone, install_vmgenctl
from harness.controller import BASE

NONE = str(uuid.UUID(int=0))
DEVICE = "--guid-file=/proc/sys/dev/vmgenc/0/guid"
WORD = ("repair", "--rolled-back")
# No repair may need more of them.
MOST_WRITES = 20
KILLED = (137, -9)


def state(dc, name):
    return installation.path(f"{dc.directory}/vmgen/samba-ad/{name}")


def notice(dc):
    path = state(dc, "notices/gone")
    return path.read_text("utf-8") if path.exists() else ""


def events(output):
    return [int(line.split()[1][:-1]) for line in output.splitlines() if line.startswith("event ")]


def repaired(before, after):
    return after["invocation"] != before["invocation"] and \
        after["available"][0] > before["available"][0] and \
        after["pool"][0] >= before["available"][0]


def on_record(dc, t):
    dc.restore("adopted")
    before = dc.facts()
    output = dc.must("repair")
    t.ok(2172 in events(output) and 2171 in events(output) and 2170 not in events(output),
         "the ID is the one on record: events 2172 and 2171") or t.note(output)
    t.equal(dc.facts(), before, "and nothing is repaired")
    output = dc.must("repair", "--rolled-back", "--dry-run")
    t.ok("would give DC1 a new invocationId" in output, "--dry-run tells what would be done")
    t.equal(dc.facts(), before, "and changes nothing")
    output = dc.must(*WORD)
    after = dc.facts()
    t.ok(repaired(before, after), "on the word of an administrator it is") or t.note(output)
    t.equal(events(output), [2172, 2204, 1109, 2205, 2179],
            "as after a change, and nobody claims that the ID changed")
    t.ok(not state(dc, "rolled-back").exists(), "the word is used up")
    dc.must("before-start")
    t.equal(dc.facts(), after, "the next start repairs nothing")
    t.equal(dc.errors(), 0, "dbcheck finds no error")


def other_commands(dc, t):
    dc.restore("adopted")
    before = dc.facts()
    for command in ("verify", "before-start", "stop"):
        status, output = dc.safeguard(command, "--rolled-back")
        t.equal((status, "--rolled-back is for the command repair" in output), (2, True),
                f"it is refused with {command}")
    t.equal(dc.safeguard("repair", "--rolled-back", "--check")[0], 2, "and with --check")
    t.equal(dc.facts(), before, "nothing is changed")


def nothing_due(dc, t):
    dc.restore("adopted")
    before = dc.facts()
    output = dc.must("repair", "--force")
    t.ok("nothing was refused" in output and "repair --rolled-back --configfile=/" in output,
         "--force with nothing due says so, and what would be the command") or t.note(output)
    t.equal(dc.facts(), before, "and repairs nothing")


def no_id(dc, t):
    """Of a machine that never had one, and of one that has lost it."""
    for name, snapshot in (("none on record", "new"), ("one on record", "adopted")):
        for what, identity, options in (("a host that provides none", NONE, ()),
                                        ("no device", dc.id, (DEVICE,))):
            dc.restore(snapshot)
            kept, dc.id = dc.id, identity
            before = dc.facts()
            output = dc.must(*WORD, *options)
            after = dc.facts()
            t.ok(repaired(before, after), f"{what}, {name}: repaired") or t.note(output)
            t.equal((after["generation"], dc.safeguard("before-start", *options)[0]),
                    (before["generation"], 0), "no ID is recorded, and Samba starts")
            t.equal(dc.facts(), after, "without another repair")
            dc.id = kept


def killed(dc, t):
    """At any write: the next start does the rest, and that after it nothing."""
    for method in ("modify", "transaction_commit"):
        for number in range(1, MOST_WRITES):
            dc.restore("adopted")
            before = dc.facts()
            status, _ = dc.safeguard(*WORD, program=(f"{installation.GUEST}/killed.py", method,
                                                     str(number), "before"))
            if status not in KILLED:
                break
            t.ok(state(dc, "rolled-back").exists(), f"killed at {method} {number}: it is not lost")
            t.equal(dc.safeguard("--check")[0], 7, "--check: a repair is due")
            dc.must("before-start")
            after = dc.facts()
            t.ok(repaired(before, after) and after["generation"] == dc.id, "the next start repairs")
            dc.must("before-start")
            t.ok(dc.facts() == after and not state(dc, "rolled-back").exists(), "once")
        t.ok(number > 1, f"{method}: {number - 1} of them")


def in_use(dc, t):
    """What is in the way does not make the word forgotten."""
    dc.restore("adopted")
    before = dc.facts()
    with open(installation.path(dc.database), "rb"):
        status, output = dc.safeguard(*WORD)
    t.equal((status, "is in use by" in output, dc.facts() == before), (1, True, True),
            "a process has the database open")
    dc.must("before-start")
    t.ok(repaired(before, dc.facts()), "when that has ended, the next start repairs it")


def vmgenctl(dc, *arguments):
    return installation.execute("vmgenctl", f"--state-dir={dc.directory}/vmgen", *arguments)


def refusals(dc, t):
    dc.restore("adopted")
    installation.path(f"{dc.directory}/vmgen/state.json").write_text('{"version": 1}', "ascii")
    vmgenctl(dc, "intent", "clone")
    before = dc.facts()
    status, output = dc.safeguard(*WORD)
    t.equal((status, "the declared intent is clone" in output, dc.facts() == before),
            (10, True, True), "of a clone it is refused") or t.note(output)
    t.ok("--force repair --rolled-back" in dc.fence.read_text("utf-8"),
         "the fence has the whole command")
    t.ok(not state(dc, "rolled-back").exists(), "what was refused is not kept")
    t.equal(dc.safeguard(*WORD)[0], 10, "the fence holds")
    dc.must("repair", "--force", "--rolled-back")
    t.ok(repaired(before, dc.facts()) and not dc.fence.exists(), "with --force it is repaired")
    dc.restore("adopted")
    for _ in range(6):
        dc.must(*WORD)
    t.equal(dc.safeguard(*WORD)[0], 10, "the seventh within a day is refused")
    dc.restore("adopted")
    dc.add_partner()
    dc.replace(f"CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration,{BASE}",
               "tombstoneLifetime", 0)
    t.equal(dc.safeguard(*WORD)[0], 10, "one that is too old, too")


def past_clone(dc, t):
    """What was on record of the change to this ID is past."""
    dc.restore("adopted")
    record.write(dc, record.run(dc.id, hint="clone"))
    before = dc.facts()
    output = dc.must(*WORD)
    t.ok(repaired(before, dc.facts()), "that it looked like a clone once is past") or t.note(output)


def gone(dc, t):
    dc.restore("adopted")
    before, identity = dc.facts(), dc.id
    dc.id = NONE
    status, output = dc.safeguard("before-start")
    t.equal((status, 2169 in events(output), "has a generation ID on record" in output),
            (0, True, True), "the ID is gone: Samba starts, and it is told") or t.note(output)
    t.ok("--rolled-back" in notice(dc) and "--force repair" in notice(dc) and
         len(notice(dc).encode()) < 512, "a notice has both ways to go on") or t.note(notice(dc))
    t.equal(dc.safeguard("repair")[0], 77, "repair: nothing that could be repaired")
    status, output = dc.safeguard("--check")
    t.equal((status, "to do:" in output), (7, True), "--check: something is to be done")
    t.ok(dc.facts() == before and not dc.fence.exists(), "nothing is changed, nothing fenced")
    dc.id = identity
    dc.must("before-start")
    t.equal((notice(dc), dc.safeguard("--check")[0]), ("", 0), "it is back: all is well")
    dc.id = NONE
    dc.must("before-start")
    t.ok("taken to be wanted" in dc.must("repair", "--force"), "--force: it shall stay gone")
    status, output = dc.safeguard("before-start")
    t.equal((status, notice(dc), 2169 in events(output)), (0, "", False), "so it is quiet")
    t.equal(dc.safeguard("--check")[0], 77, "--check: not applicable")
    t.equal(dc.facts(), before, "nothing is changed")
    dc.new_id()
    dc.must("before-start")
    t.ok(repaired(before, dc.facts()), "another ID after that: repaired")
    dc.id = NONE
    dc.must("before-start")
    t.ok(notice(dc), "and if that is gone it is told again")


def fenced(dc, t):
    """A fence on a machine without an ID: --force lifts it."""
    dc.restore("adopted")
    identity, dc.id = dc.id, NONE
    before = dc.facts()
    installation.run("python3", "-c", "from samba_ad.fence import Fence; Fence("
                     f"'{dc.directory}/vmgen', '{dc.fence.name}').set('damaged', 'go on')",
                     environment={"PYTHONPATH": f"{installation.SOURCE}/daemon/samba"})
    t.equal(dc.safeguard("before-start")[0], 10, "fenced, without an ID")
    dc.must("repair", "--force")
    t.ok(not dc.fence.exists() and dc.facts() == before, "--force lifts that, and repairs nothing")
    dc.id = identity


def old_one(dc, t):
    """A host that gives a disk the ID back that it had cannot be told from no rollback at all."""
    dc.restore("adopted")
    first = dc.id
    dc.new_id()
    dc.must("repair")
    dc.restore("adopted")
    dc.id = first
    before = dc.facts()
    dc.must("before-start")
    t.equal(dc.facts(), before, "an old ID comes back with an old disk: nothing tells")
    dc.must(*WORD)
    t.ok(repaired(before, dc.facts()), "but an administrator can")


def backup(dc, t):
    """What Samba itself restores is another controller, and has no ID on record."""
    dc.restore("adopted")
    installation.run("mkdir", "-p", "/srv/backup")
    installation.run("samba-tool", "domain", "backup", "offline", "--targetdir=/srv/backup",
                     f"--configfile={dc.configuration}")
    made = next(installation.path("/srv/backup").glob("*.bz2")).name
    installation.run("samba-tool", "domain", "backup", "restore",
                     f"--backup-file=/srv/backup/{made}", "--targetdir=/srv/dc8",
                     "--newservername=dc8", "--host-ip=10.99.0.8")
    old = dc.facts()
    kept = dc.directory, dc.configuration
    dc.directory, dc.configuration = "/srv/dc8", "/srv/dc8/etc/smb.conf"
    before = dc.facts()
    t.ok(before["generation"] is None and before["invocation"] != old["invocation"],
         "a backup that Samba restored: a new identity, no ID on record")
    output = dc.must("before-start")
    t.equal((events(output), dc.facts()), ([2173, 2179], {**before, "generation": dc.id}),
            "the ID is adopted, and nothing else is changed") or t.note(output)
    t.equal(before["pool"][0], old["available"][0],
            "it gives out the RIDs again that others were given since the backup")
    dc.must(*WORD)
    t.ok(repaired(before, dc.facts()), "which an administrator can have left out")
    dc.directory, dc.configuration = kept


def scenario(_suite, t):
    install_vmgenctl()
    dc = Alone()
    dc.snapshot("new")
    dc.must("repair")
    dc.snapshot("adopted")
    for test in (on_record, other_commands, nothing_due, no_id, killed, in_use, refusals,
                 past_clone, gone, fenced):
        adopted = dc.id
        test(dc, t)
        dc.id = adopted
    old_one(dc, t)
    dc.id = adopted
    backup(dc, t)


if __name__ == "__main__":
    installation.main(scenario)
