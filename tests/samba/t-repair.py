#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What vmgend-samba-ad writes into the database: what it adopts, what it repairs, what a second
run and a check do, and what is left when it is killed in the middle.
"""

import hashlib
import json
import re
import shutil
import subprocess
import time
import uuid

from harness import installation
from harness.alone import MANAGER, SERVER, Alone
from harness.controller import BASE

POOL = 500
DAY = 86400
HASHED = b"vmgen generation ID hash v1\0"
RID_SET = f"CN=RID Set,CN=DC1,OU=Domain Controllers,{BASE}"
YEAR_2000 = 946_684_800
CLONED = {"VMGEN_EVENT": "changed", "VMGEN_HINT": "unknown", "VMGEN_INTENT": "clone"}
OTHER = "5a5a5a5a-0000-4000-8000-000000000001"
# No repair may need more of them.
MOST_WRITES = 20
KILLED = 137


def adopt(dc, t):
    before = dc.facts()
    t.equal(dc.safeguard("--check")[0], 7, "--check: no ID is on record")
    t.equal(dc.facts(), before, "and it changes nothing")
    output = dc.must("repair")
    after = dc.facts()
    t.ok("adopted" in output, "the first run adopts the ID")
    t.equal(after, {**before, "generation": dc.id}, "and changes nothing else, no USN either")
    t.equal(dc.safeguard("--check")[0], 0, "--check is content")
    for command in ("repair", "before-start"):
        t.ok("nothing to repair" in dc.must(command), f"{command}: nothing to do")
    t.equal(dc.facts(), after, "and nothing is done")
    for options in ((), ("--dry-run",)):
        t.equal(dc.safeguard("verify", *options)[0], 77, f"verify {options}: no repair to check")
    t.equal(dc.safeguard("stop")[0], 77, "stop: no unit to stop")


def rehearse(dc, t):
    before = dc.facts()
    for options, environment in ((("--dry-run",), {}), ((), {"VMGEN_EVENT": "test"})):
        output = dc.must("repair", *options, **environment)
        t.ok("would give DC1 a new invocationId" in output and "would leave out" in output,
             f"{options or environment}: it says what it would do")
    t.equal(dc.safeguard("--check")[0], 7, "--check: a repair is due")
    t.equal(dc.facts(), before, "and none of it changes anything")
    t.ok(not installation.path(f"{dc.directory}/vmgen/samba-ad/repairs").exists(),
         "nor counts as a repair")


def check_repaired(before, after, dc, t):
    t.ok(after["invocation"] != before["invocation"], "the invocationId is a new one")
    t.equal(after["written"]["invocation"], after["invocation"], "and is stamped with itself")
    t.ok(after["written"]["usn"] > before["usn"], "and with an update sequence number of its own")
    for stamp in ("written", "available written"):
        now = time.time() - YEAR_2000
        t.ok(now - 60 < after[stamp]["version"] <= now, f"{stamp}: the version is the time")
    t.equal(after["available written"]["invocation"], after["invocation"],
            "the pool of the domain is stamped with it too")
    raised = after["available"][0] - before["available"][0]
    t.ok(550 * POOL <= raised - POOL <= 1100 * POOL,
         f"RIDs are left out: {raised}")
    t.equal(after["available"][1], before["available"][1], "their end stays")
    t.equal(after["pool"], [after["available"][0] - POOL, after["available"][0] - 1],
            "the controller holds a pool behind them")
    t.equal(after["generation"], dc.id, "the ID is on record")
    t.equal(after["objects"].keys(), before["objects"].keys(), "nothing else is gone or new")


def repair(dc, t):
    before = dc.facts()
    start = time.monotonic()
    output = dc.must("repair")
    t.note(f"{output}repaired in {time.monotonic() - start:.2f} s")
    check_repaired(before, dc.facts(), dc, t)
    for number in (2170, 2204, 1109, 2205, 2179):
        t.ok(f"event {number}:" in output, f"event {number} is told")
    t.ok(dc.id not in output, "the ID itself is not")
    t.equal(dc.errors(), 0, "dbcheck finds no error")
    t.ok("nothing to repair" in dc.must("repair"), "another run has nothing to do")
    t.ok("has lasted" in dc.must("verify"), "verify finds that it has lasted")
    t.equal(dc.safeguard("verify")[0], 77, "and has nothing to do after that")
    t.ok(dc.make_user("after") >= before["available"][0] + 100 * POOL,
         "the next user has a RID from behind those left out")


def again(dc):
    dc.restore("adopted")
    dc.new_id()
    dc.must("repair")
    return dc.facts()


def verify(dc, t):
    repaired = again(dc)
    dc.replace(dc.ntds, "invocationId", OTHER)
    t.ok("replication brought it back" in dc.must("verify", "--dry-run"),
         "verify: another invocationId is found")
    dc.must("verify")
    after = dc.facts()
    t.ok(after["invocation"] not in (repaired["invocation"], OTHER), "and the repair repeated")
    dc.replace(MANAGER, "rIDAvailablePool", (repaired["available"][1] << 32) + 2100)
    dc.must("verify")
    t.ok(dc.facts()["available"][0] >= 2100 + 100 * POOL, "so it is if the RIDs were brought back")


def damaged(dc, t):
    """What is noted of a repair."""
    again(dc)
    installation.path(f"{dc.directory}/vmgen/samba-ad/expected").write_text("{}\n", "ascii")
    output = dc.must("verify")
    t.ok("is damaged" in output and "has lasted" in output, "verify: all of the check is done"
         ) or t.note(output)
    t.equal(dc.safeguard("verify")[0], 77, "and once")


def lost_pool(dc, t):
    repaired = again(dc)
    rid = dc.make_user("owner")
    dc.replace(RID_SET, "rIDAllocationPool", (rid + POOL - 1 << 32) + rid)
    t.ok(f"the RID {rid} " in dc.must("verify", "--dry-run"), "verify: a lost pool is found")
    dc.must("verify")
    after = dc.facts()
    t.ok(after["invocation"] != repaired["invocation"] and after["pool"][0] > rid,
         "and the repair repeated")
    t.ok(dc.make_user("other") > rid, "so that no RID is given twice")


def reboot(dc, t):
    """Before the check, of which only files tell then."""
    repaired = again(dc)
    dc.replace(dc.ntds, "invocationId", OTHER)
    before = dc.facts()
    t.ok("replication brought it back" in dc.must("before-start", "--dry-run"),
         "before-start: so it is when Samba starts before it was checked")
    t.equal(dc.facts(), before, "nothing is changed yet")
    dc.must("before-start")
    t.ok(dc.facts()["invocation"] not in (repaired["invocation"], OTHER), "and then it is")
    t.ok("has lasted" in dc.must("verify"), "and lasts")


def copies(dc, t):
    """Two copies of one disk, without and with a repair of each."""
    rids = {False: [], True: []}
    identities = set()
    for repaired in rids:
        for _ in range(2):
            dc.restore("adopted")
            if repaired:
                dc.new_id()
                dc.must("repair")
                identities.add(dc.facts()["invocation"])
            rids[repaired].append(dc.make_user("alice"))
    t.note(f"RIDs without: {rids[False]}, with: {rids[True]}")
    t.equal(len(set(rids[False])), 1, "control: both copies give the same RID")
    t.equal(len(set(rids[True])), 2, "with the repair other ones")
    t.equal(len(identities), 2, "and they have other invocationIds")


def kill(dc, t, method, when):
    """At each call of a method: either nothing has happened, or the next run does it again."""
    number = 0
    while number < MOST_WRITES:
        number += 1
        dc.restore("adopted")
        before = dc.facts()
        dc.new_id()
        status, output = dc.safeguard(
            "repair", program=(f"{installation.GUEST}/killed.py", method, str(number),
                               when))
        if status == 0:
            break
        left = dc.facts()
        whole = left["generation"] == dc.id
        if not whole and left["invocation"] == before["invocation"]:
            whole = left == before
        elif not whole:
            whole = (left["written"]["invocation"], left["generation"]) == (
                left["invocation"], before["generation"])
        output += dc.must("before-start")
        after = dc.facts()
        if not t.ok(status in (KILLED, -9) and whole and after["generation"] == dc.id and
                    after["written"]["invocation"] == after["invocation"] != before["invocation"],
                    f"killed {when} {method} number {number}: the next run mends it"):
            t.note(f"status {status}\nbefore: {before}\nleft: {left}\nafter: {after}\n{output}")
    t.ok(2 < number < MOST_WRITES, f"{method} was called {number - 1} times")


def unseen(dc, t):
    """A database that has no ID on record yet, of a machine that has changed."""
    dc.restore("fresh")
    before = dc.facts()["invocation"]
    dc.must("repair", VMGEN_EVENT="changed", VMGEN_HINT="unknown", VMGEN_INTENT="")
    t.ok(dc.facts()["invocation"] != before,
         "no ID on record, but a change was seen while Samba ran: repaired")
    dc.restore("fresh")
    dc.add_partner("dc9.vmgen.test", f"msDS-hasMasterNCs: {BASE}\n")
    status, output = dc.safeguard("repair", **CLONED)
    t.equal(status, 10, "not where it is refused")
    dc.fence.unlink()
    output = dc.must("before-start", "--intent=restore")
    t.ok("1109" in output, "and the next start still knows")
    partners = state(dc) / "partners"
    t.ok(json.loads(partners.read_text("ascii"))["full"],
         "and has the partner take what was written meanwhile")
    not_heard(dc, partners, t)


def not_heard(dc, pending, t):
    """There is no such partner."""
    output = dc.must("verify")
    t.ok("DC9" in output and "has lasted" not in output, "verify: it does not answer"
         ) or t.note(output)
    shown = dc.safeguard("--check")[1]
    t.ok("not heard since the repair of DC1: DC9 (" in shown, "--check says so") or t.note(shown)
    dc.new_id()
    dc.must("before-start", "--intent=restore")
    t.ok(json.loads(pending.read_text("ascii"))["full"],
         "a repair at a boot, meanwhile, does not forget what is to be told")
    pending.write_text('{"full": false, "heard": 5}', "ascii")
    t.ok("asked again" in dc.must("verify") and json.loads(pending.read_text("ascii"))["full"],
         "and a file that is damaged has all of it done")
    dc.modify(f"dn: CN=NTDS Settings,CN=DC9,{SERVER},{BASE}\nchangetype: delete\n\n")
    output = dc.must("verify")
    t.ok("has lasted" in output and not pending.exists(), "if it is removed, nobody waits for it"
         ) or t.note(output)
    shown = dc.safeguard("--check")[1]
    t.equal(re.findall(r"to do: +(\w+)", shown), ["SYSVOL"],
            "and --check has nothing more to say than that its SYSVOL is old")


def seen_by_vmgend(dc, t):
    """A change that it has on record, of before this program was installed."""
    program = installation.path("/usr/local/bin/vmgenctl")
    program.write_text("#!/bin/sh\n[ $2 != history ] || cat /srv/history\n", "ascii")
    program.chmod(0o755)
    now = time.time()
    for when, corrected, intent, status, word in (
            (now - DAY, None, "clone", 0, "adopted"), (now, now - DAY, "clone", 0, "adopted"),
            (now, None, "clone", 10, "the declared intent is clone"),
            # The clock was set after the machine went back.
            (now - DAY, now, "clone", 10, "the declared intent is clone"),
            (now, None, "restore", 0, "1109")):
        dc.restore("fresh")
        run = {"id_hash": hashlib.sha256(HASHED + uuid.UUID(dc.id).bytes_le).hexdigest(),
               "event": "boot-changed", "hint": "unknown", "intent": intent,
               "detected_usec": int(when * 1_000_000)}
        if corrected:
            run["detected_corrected_usec"] = int(corrected * 1_000_000)
        installation.path("/srv/history").write_text(json.dumps(run) + "\n", "ascii")
        got, output = dc.safeguard("before-start")
        age = "before the controller was made" if (corrected or when) < now else "since then"
        t.ok(got == status and word in output,
             f"no ID on record, but vmgend knows a {intent} of {age}: {word}") or t.note(output)
    program.unlink()


def state(dc):
    return installation.path(f"{dc.directory}/vmgen/samba-ad")


def other_data(dc, t):
    """A change that was noted is not one of another database."""
    dc.restore("fresh")
    t.equal(dc.safeguard("repair", "--configfile=/etc/samba/smb.conf", **CLONED)[0], 77,
            "a change of a file server: nothing to do")
    t.equal(dc.safeguard("repair", **CLONED)[0], 10, "one of a clone: refused")
    t.ok((state(dc) / "changed").exists(), "the change is noted")
    dc.fence.unlink()
    directory = installation.path(dc.directory)
    kept = directory.with_name("vmgen")
    subprocess.run(["mv", directory / "vmgen", kept], check=True)
    shutil.rmtree(directory)
    other = Alone()
    other.id = dc.id
    subprocess.run(["mv", kept, directory / "vmgen"], check=True)
    output = other.must("before-start", "--intent=clone")
    t.ok("adopted" in output, "a controller that was joined anew is not refused")
    t.ok(not (state(other) / "changed").exists(), "and the change is forgotten")
    other.safeguard("repair", "--configfile=/etc/samba/smb.conf", **CLONED)
    t.ok(not (state(other) / "changed").exists(), "a file server notes none")


def scenario(_suite, t):
    dc = Alone()
    dc.snapshot("fresh")
    adopt(dc, t)
    dc.snapshot("adopted")
    dc.new_id()
    rehearse(dc, t)
    repair(dc, t)
    verify(dc, t)
    damaged(dc, t)
    lost_pool(dc, t)
    reboot(dc, t)
    copies(dc, t)
    # After a write that is not committed is before the next one, or before the commit.
    for method, when in (("transaction_commit", "before"), ("transaction_commit", "after"),
                         ("modify", "before")):
        kill(dc, t, method, when)
    unseen(dc, t)
    seen_by_vmgend(dc, t)
    other_data(dc, t)


if __name__ == "__main__":
    installation.main(scenario)
