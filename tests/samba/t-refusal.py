#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""When vmgend-samba-ad does nothing, when it wants somebody to decide, and how they say so."""

import contextlib
import shutil
import subprocess
import time
import uuid

from harness import installation, record as records
from harness.alone import FENCE, MANAGER, Alone, install_vmgenctl
from harness.controller import BASE

TRUST = f"""dn: CN=other.test,CN=System,{BASE}
changetype: add
objectClass: trustedDomain
trustPartner: other.test
flatName: OTHER
trustType: 2
trustDirection: 3
trustAttributes: 8

"""
CHANGED = {"VMGEN_EVENT": "changed", "VMGEN_HINT": "unknown", "VMGEN_INTENT": ""}


def vmgenctl(dc, *arguments, **environment):
    return installation.execute("vmgenctl", f"--state-dir={dc.directory}/vmgen", *arguments,
                                environment=environment)


def refused(dc, t, name, words, *options, **environment):
    """Nothing is changed, the fence has the reason, and an administrator can go on."""
    before = dc.facts()
    status, output = dc.safeguard("repair", *options, **environment)
    t.equal(status, 10, f"{name}: refused")
    t.ok(words in output, f"it says \"{words}\"") or t.note(output)
    t.equal(dc.facts(), before, "the database is as it was")
    if t.ok(dc.fence.exists(), "and Samba is fenced"):
        text = dc.fence.read_text("utf-8")
        t.ok(words in text and ": vmgend-samba-ad --force repair --configfile=/" in text and
             text.endswith("--no-unit\n") and len(text) < 512, "with the reason and the command") or t.note(text)
    for command in ("before-start", "repair", "verify"):
        t.equal(dc.safeguard(command)[0], 10, f"{command} leaves it at that")
    t.equal(dc.facts(), before, "the database is still as it was")


def forced(dc, t):
    before = dc.facts()["invocation"]
    dc.must("repair", "--force")
    t.ok(dc.facts()["invocation"] != before and dc.facts()["generation"] == dc.id,
         "--force repairs it")
    t.ok(not dc.fence.exists(), "and lifts the fence")
    dc.must("before-start")


def clones(dc, t):
    for name, words, environment in (
            ("other hardware", "looks like a clone", {"VMGEN_HINT": "clone"}),
            ("called a clone", "the declared intent is clone", {"VMGEN_INTENT": "clone"})):
        dc.restore("adopted")
        refused(dc, t, name, words, **{**CHANGED, **environment})
        forced(dc, t)
    dc.restore("adopted")
    dc.must("repair", **{**CHANGED, "VMGEN_HINT": "clone", "VMGEN_INTENT": "restore"})
    t.equal(dc.facts()["generation"], dc.id, "other hardware, but called a restore: repaired")


def record(dc, **members):
    """Has the history say what vmgend was told at the change to this ID."""
    records.write(dc, records.run(dc.id, **members))


def on_record(dc, t):
    """A start of Samba has no such environment."""
    dc.restore("adopted")
    record(dc, hint="clone")
    t.ok('"hint":"clone"' in vmgenctl(dc, "history", "--json")[1].replace(" ", ""),
         "vmgenctl has a clone on record")
    t.equal(dc.safeguard("before-start")[0], 10, "before-start refuses it")
    dc.fence.unlink()
    record(dc, hint="clone", intent="restore")
    dc.must("before-start")
    t.equal(dc.facts()["generation"], dc.id, "not one that was called a restore")
    dc.restore("adopted")
    record(dc, hint="clone", id_hash="0" * 64)
    dc.must("before-start")
    t.equal(dc.facts()["generation"], dc.id, "nor if it is about another ID")
    dc.restore("adopted")
    # Without a record of vmgend's an intent would not be kept.
    installation.path(f"{dc.directory}/vmgen/state.json").write_text('{"version": 1}', "ascii")
    t.equal(vmgenctl(dc, "intent", "clone")[0], 0, "an intent that no run has used up yet")
    t.equal(dc.safeguard("before-start")[0], 10, "counts as well")
    # As where the host has said something, too.
    program = installation.path("/usr/local/bin/vmgenctl")
    real = program.rename(program.with_suffix(".real"))
    program.write_text("#!/bin/sh\n[ \"$2 $3\" != 'intent show' ] || echo 'clone\nthe host says'\n",
                       "ascii")
    program.chmod(0o755)
    dc.restore("adopted")
    t.equal(dc.safeguard("before-start")[0], 10, "whatever vmgenctl says after it")
    real.replace(program)


def fences(dc, t):
    """Both programs mean the same by a fence."""
    dc.restore("adopted")
    dc.safeguard("repair", **{**CHANGED, "VMGEN_INTENT": "clone"})
    status, output = vmgenctl(dc, "fence", "check", FENCE)
    t.ok(status == 10 and "the declared intent is clone" in output, "vmgenctl knows the fence")
    t.equal(vmgenctl(dc, "fence", "lift", FENCE), (0, ""), "and lifts it")
    t.equal(vmgenctl(dc, "fence", "set", FENCE, "the disk is full")[0], 0, "one of vmgenctl")
    for command in ("before-start", "repair"):
        status, output = dc.safeguard(command)
        t.ok(status == 10 and "the disk is full" in output, f"is one for {command}")
    status, output = dc.safeguard("repair", "--force")
    t.ok(status == 10 and dc.fence.exists() and dc.facts()["generation"] == dc.id,
         "--force repairs, but leaves a fence of somebody else")


def generations(dc, t):
    """A hook's fence says which change it answers, and one that is set by hand keeps that."""
    clone = {**CHANGED, "VMGEN_INTENT": "clone"}
    dc.restore("adopted")
    dc.safeguard("repair", **clone, VMGEN_GENERATION="7")
    t.ok("generation: 7 of this boot" in vmgenctl(dc, "fence", "show", FENCE)[1],
         "vmgenctl tells the generation of a fence")
    status, output = dc.safeguard("before-start")
    t.ok(status == 10 and "generation 7" not in output, "which is no part of its reason")
    status, output = vmgenctl(dc, "fence", "lift", FENCE, VMGEN_GENERATION="6")
    t.equal(status, 11, "a hook of an older one does not lift it") or t.note(output)
    t.equal(vmgenctl(dc, "fence", "lift", FENCE, VMGEN_GENERATION="7")[0], 0,
            "a hook of the same one lifts it")
    # As between the look for a fence and the end of a decision.
    fence = ("import sys; from samba_ad.fence import Fence;"
             f"Fence('{dc.directory}/vmgen', '{FENCE}').set(sys.argv[1], 'go on')")
    for generation, reason, shown, what in (
            ("7", "seven", "7 of this boot", "one that was set meanwhile"),
            ("6", "six", "7 of this boot", "an older hook leaves it"),
            ("", "by hand", "7 of this boot", "by hand another reason comes, and it stays as new"),
            ("8", "eight", "8 of this boot", "a newer hook replaces it")):
        installation.run("python3", "-c", fence, reason, environment={
            "PYTHONPATH": f"{installation.SOURCE}/daemon/samba", "VMGEN_GENERATION": generation})
        output = vmgenctl(dc, "fence", "show", FENCE)[1]
        t.ok(f"generation: {shown}" in output and
             ("seven" if reason == "six" else reason) in output, what) or t.note(output)
    dc.fence.unlink()
    dc.safeguard("repair", "--intent=clone")
    t.ok("generation: not known" in vmgenctl(dc, "fence", "show", FENCE)[1],
         "by hand, where there is none: no generation")
    t.equal(vmgenctl(dc, "fence", "lift", FENCE, VMGEN_GENERATION="7")[0], 11,
            "no hook lifts that")
    dc.fence.unlink()


def too_many(dc, t):
    dc.restore("adopted")
    for _ in range(6):
        dc.new_id()
        dc.must("repair")
    dc.new_id()
    refused(dc, t, "the seventh within a day", "6 repairs within a day")
    forced(dc, t)


def too_old(dc, t):
    dc.restore("adopted")
    dc.replace(f"CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration,{BASE}",
               "tombstoneLifetime", 0)
    dc.snapshot("old")
    dc.must("repair")
    t.equal(dc.facts()["generation"], dc.id,
            "older than the tombstone lifetime, and alone: repaired")
    dc.restore("old")
    dc.add_partner()
    t.ok("DC9" in dc.safeguard("--check")[1], "another controller is known")
    refused(dc, t, "older, and not alone", "--remove-other-dead-server=DC1")
    forced(dc, t)


def too_few(dc, t):
    dc.restore("adopted")
    dc.replace(MANAGER, "rIDAvailablePool", (1073741823 << 32) + 1073741823 - 2000)
    refused(dc, t, "hardly any RIDs are left", "2000 RIDs are left")


def trusting(dc, t):
    """Of a trust there is a password on each side."""
    dc.restore("adopted")
    dc.modify(TRUST)
    dc.snapshot("trusting")
    t.ok("\ntrusts:               other.test\n" in dc.safeguard("--check")[1], "--check names trusts")
    words = "the password of the trust with 'other.test' is as old as the snapshot"
    output = dc.must("repair")
    t.ok(words in output, "alone: a password may be older than that on the other side"
         ) or t.note(output)
    dc.restore("trusting")
    dc.add_partner()
    t.ok(words not in dc.must("repair"), "a partner has the present one")


def not_applicable(dc, t):
    dc.restore("adopted")
    before = dc.facts()
    rodc = (f"{installation.GUEST}/readonly.py",)
    for command, status in (("repair", 77), ("before-start", 0)):
        got, output = dc.safeguard(command, program=rodc)
        t.equal((got, "read-only" in output), (status, True), f"{command}: read-only controller")
        got, output = dc.safeguard(command, "--configfile=/etc/samba/smb.conf")
        t.equal((got, "no domain controller" in output), (status, True),
                f"{command}: a file server")
        identity = dc.id
        for none in (str(uuid.UUID(int=0)), ""):
            dc.id = none
            t.equal(dc.safeguard(command)[0], status, f"{command}: the host provides no ID")
        dc.id = identity
    t.ok(dc.facts() == before and not dc.fence.exists(), "nothing is changed, and nothing fenced")


def in_the_way(dc, t):
    """What may go away by itself or by one command is no reason for a fence."""
    dc.restore("adopted")
    before = dc.facts()
    identity, dc.id = dc.id, "no GUID"
    t.equal(dc.safeguard("before-start")[0], 1, "an ID that is none")
    dc.id = identity
    t.equal(dc.safeguard("before-start", "--guid-file=/nonexistent")[0], 1, "no file with an ID")
    t.equal(dc.safeguard("before-start", "--configfile=/nonexistent")[0], 1, "no smb.conf")
    subprocess.run(["chmod", "755", installation.path(f"{dc.directory}/vmgen")], check=True)
    status, output = installation.execute(
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3",
        f"{installation.SOURCE}/daemon/samba/vmgend-samba-ad", "--no-unit",
        f"--state-directory={dc.directory}/vmgen", "repair")
    t.equal((status, "root" in output), (4, True), "no rights") or t.note(output)
    with open(installation.path(dc.database), "rb"):
        status, output = dc.safeguard("before-start")
    t.equal((status, "is in use by" in output), (1, True), "a process has the database open")
    t.ok(dc.facts() == before and not dc.fence.exists(), "nothing is changed, and nothing fenced")
    with subprocess.Popen(["sleep", "1"], stdin=open(installation.path(dc.database), "rb")):
        dc.must("before-start")
    t.equal(dc.facts()["generation"], dc.id, "if that ends soon, the repair has waited for it")
    lock = installation.path(f"{dc.directory}/vmgen/samba-ad/lock")
    with subprocess.Popen(["flock", lock, "sleep", "2"]) as other:
        while not subprocess.run(["flock", "--nonblock", lock, "true"], check=False).returncode:
            time.sleep(0.01)
        dc.must("before-start")
        t.ok(other.poll() is not None, "one waits for another to end")


def contained(dc, guid_file, command, *options):
    """As root in a container: without capabilities."""
    return installation.execute(
        "setpriv", "--bounding-set=-all", "--inh-caps=-all", "/usr/bin/python3",
        f"{installation.SOURCE}/daemon/samba/vmgend-samba-ad", "--no-unit",
        f"--configfile={dc.configuration}", f"--state-directory={dc.directory}/vmgen",
        f"--guid-file={guid_file}", *options, command)


def in_container(dc, t):
    """Root who may not read the ID can start Samba all the same, and is not told to be root."""
    foreign = installation.path("/srv/foreign.id")
    foreign.write_text(f"{dc.id}\n", "ascii")
    foreign.chmod(0o400)
    shutil.chown(foreign, 65534)
    # This may be opened by its mode and takes a capability, as the sysctl; in a user namespace
    # its mode is another one's, too.
    for guid_file in ("/proc/kmsg", "/srv/foreign.id"):
        dc.restore("adopted")
        before = dc.facts()
        for command in ("repair", "before-start"):
            status, output = contained(dc, guid_file, command)
            t.equal((status, "CAP_SYS_ADMIN in the initial user namespace" in output,
                     "--force repair" in output, "run this as root" in output),
                    (4, True, True, False), f"{guid_file}: {command} without the right to read"
                    ) or t.note(output)
        status, output = contained(dc, guid_file, "repair", "--force")
        t.equal((status, "without a decision" in output), (0, True), "--force") or t.note(output)
        status, output = contained(dc, guid_file, "before-start")
        t.equal((status, "without a decision" in output), (0, True),
                "Samba starts then, up to the next boot") or t.note(output)
        t.ok(dc.facts() == before and not dc.fence.exists(),
             "nothing is changed, and nothing fenced")


@contextlib.contextmanager
def full_disk(directory):
    """Its files on a disk of their own that has no room for more."""
    used = subprocess.run(["du", "-sk", "--apparent-size", directory], capture_output=True,
                          text=True, check=True).stdout.split()[0]
    kept = f"{directory}.kept"
    subprocess.run(["cp", "-a", directory, kept], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(used) + 1024}k", "tmpfs", directory],
                   check=True)
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", directory], check=True)
        subprocess.run(["dd", "if=/dev/zero", f"of={directory}/rest"], check=False,
                       capture_output=True)
        yield
    finally:
        subprocess.run(["umount", directory], check=True)
        shutil.rmtree(kept)


def no_room(dc, t):
    """What cannot be written is said, and nothing is half done."""
    dc.restore("adopted")
    before = dc.facts()
    directory = installation.path(f"{dc.directory}/vmgen")
    with full_disk(directory):
        status, output = dc.safeguard("before-start")
        t.equal((status, "No space left on device" in output), (1, True),
                "no room for what it remembers") or t.note(output)
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        status, output = dc.safeguard("before-start")
        t.equal((status, "Read-only file system" in output), (1, True),
                "a disk that cannot be written") or t.note(output)
    t.ok(dc.facts() == before and not dc.fence.exists(), "nothing is changed, and nothing fenced")
    directory = installation.path(f"{dc.directory}/private")
    with full_disk(directory):
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        status, output = dc.safeguard("before-start")
        t.equal((status, "sam.ldb cannot be written: mount" in output), (1, True),
                "a database that cannot be written") or t.note(output)
        subprocess.run(["mount", "-o", "remount,rw", directory], check=True)
        t.ok(dc.facts() == before and not dc.fence.exists(), "the same")
        dc.must("before-start")
        t.equal(dc.facts()["generation"], dc.id, "a repair needs no more room than there is")


def damaged(dc, t):
    dc.restore("adopted")
    installation.path(dc.database).write_bytes(b"TDB file\n" + bytes(5000))
    status, output = dc.safeguard("repair")
    t.equal((status, dc.fence.exists()), (10, True), "a damaged database: fenced") or t.note(output)


def scenario(_suite, t):
    install_vmgenctl()
    dc = Alone()
    dc.must("repair")
    dc.snapshot("adopted")
    dc.new_id()
    for test in (clones, on_record, fences, generations, too_many, too_old, too_few, trusting, not_applicable,
                 in_the_way, in_container, no_room, damaged):
        test(dc, t)
    lmdb(t)


def lmdb(t):
    """The other format that Samba's database can have, and a name that has to be quoted."""
    subprocess.run(["rm", "-rf", *installation.path("/srv").iterdir()], check=True)
    dc = Alone("--backend-store=mdb", "--site=South (2)")
    dc.must("repair")
    before = dc.facts()["invocation"]
    dc.new_id()
    dc.must("repair")
    t.ok(dc.facts()["invocation"] != before and dc.facts()["generation"] == dc.id,
         "a database in mdb: repaired")
    t.equal(dc.errors(), 0, "dbcheck finds no error")


if __name__ == "__main__":
    installation.main(scenario)
