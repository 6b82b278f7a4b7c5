#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain controller in a whole Debian goes back while it runs. With VMGEN_LONG= (make check-hooks)
also its disk goes back while it is off, and somebody copies it."""

import dataclasses
import json
import os
import pathlib
import re
import shutil

from harness import tap
from harness.debian import Prebuilt, chroot
from harness.scenario import new_guid, say

PACKAGES = ("samba-ad-dc", "samba-ad-provision", "ldb-tools")
UNIT = "samba-ad-dc.service"
FREEZE = f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.freeze"
PROGRAM = "/usr/local/lib/vmgen/samba_ad"
DIRECTORY = "/var/lib/samba/private/sam.ldb"
# Not what would only wait for a network, nor what takes an emulated machine minutes: the making
# of TLS keys does.
PROVISION = """
rm /etc/samba/smb.conf
echo dc1 >/etc/hostname
hostname dc1
echo '127.0.0.1 dc1.vmgen.test dc1 localhost' >/etc/hosts
samba-tool domain provision --server-role=dc --use-rfc2307 --dns-backend=SAMBA_INTERNAL \\
    --realm=VMGEN.TEST --domain=VMGEN --adminpass=Passw0rd.Vmgen1 --host-name=dc1 \\
    --host-ip=127.0.0.1 --option='interfaces = lo' --option='bind interfaces only = yes' \\
    --option='server services = -dnsupdate -kcc -nbt -wrepl -ntp_signd'
sed -i '/^.global.$/a prefork children = 1\\ntls enabled = no' /etc/samba/smb.conf
systemctl disable smbd nmbd winbind
systemctl unmask samba-ad-dc
systemctl enable samba-ad-dc
"""
LOG = "/run/writer"
MEMORY = 1024
# Of RIDs: 100, and one more for each ten minutes; twice that is the most that is left out.
MOST_POOLS = 110
OTHER_UUID = "0a1b2c3d-0000-4000-8000-00000000000b"
OTHER_NETWORK = "virtio-net-pci,mac=52:54:00:00:00:0b,romfile="


def provision(root):
    chroot(root, "/", PROVISION)
    writer = root / "usr/local/sbin/writer"
    shutil.copy(pathlib.Path(__file__).parent / "guest/writer.py", writer)
    writer.chmod(0o755)


# ---- what is in the directory -----------------------------------------------------------------


def search(g, condition, *attributes):
    """[{attribute: value}] of the objects, from the file: also while nothing serves it."""
    text = g.run(f"ldbsearch -H {DIRECTORY} --cross-ncs '{condition}' {' '.join(attributes)}", 600)
    found = [dict(re.findall(r"(?m)^([\w-]+): (.*)$", record))
             for record in re.sub(r"\n ", "", text).split("\n\n")]
    return [record for record in found if "dn" in record]


def identity(g):
    """(invocationId, msDS-GenerationId) of the only domain controller."""
    settings, = search(g, "(objectClass=nTDSDSA)", "invocationId")
    computer, = search(g, "(sAMAccountName=DC1$)", "msDS-GenerationId")
    return settings["invocationId"], computer.get("msDS-GenerationId")


def rids(g):
    """{name: RID} of the users that writers have made."""
    return {user["sAMAccountName"]: int(user["objectSid"].rsplit("-", 1)[1])
            for user in search(g, "(&(objectClass=user)(sAMAccountName=*-*))", "sAMAccountName",
                               "objectSid")}


def stamps(g, name):
    """The invocationIds that the attributes of a user were written with."""
    text = g.run(f"ldbsearch -H {DIRECTORY} --show-binary '(sAMAccountName={name})' "
                 "replPropertyMetaData", 600)
    return set(re.findall(r"originating_invocation_id\s*:\s*(\S+)", text))


# ---- what a writer has noted ------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Event:
    what: str
    ns: int             # since boot
    connection: int = 0
    name: str = ""
    detail: str = ""    # of "written": the machine's generation ID after that


def events(g):
    for line in g.run(f"cat {LOG}").splitlines():
        what, ns, *words = line.split(maxsplit=4)
        yield Event(what, int(ns), *map(int, words[:1]), *words[1:])


def wait_for(g, condition):
    """Rarely enough to leave the emulated machine its time, and long enough for a busy host."""
    g.run(f"until {condition}; do sleep 1; done", timeout=600)


def start_writer(g, prefix, connections):
    wait_for(g, f"systemctl is-active {UNIT}")
    g.run(f"rm -f {LOG}")
    g.spawn(f"exec writer {prefix}- {connections} {LOG} 2>/run/writer.err")


def wait_for_event(g, event):
    wait_for(g, f"grep -qs '^{event}' {LOG}")


# ---- the scenario -----------------------------------------------------------------------------


def check_adopted(g, t):
    invocation, generation = identity(g)
    t.equal(generation, g.guid(), "the first start records the machine's ID in the directory")
    return invocation


def run_lost(snapshot, guid, invocation, t):
    """What happens after the snapshot and is lost when the machine goes back to it."""
    with snapshot.clone(guid=guid) as c:
        before = len(rids(c))
        wait_for(c, f"test $(grep -c ^written {LOG}) -gt {before + 8}")
        t.equal(identity(c), (invocation, guid), "a machine that goes on with its ID is let alone")
        t.equal(c.run("cat /run/vmgen/generation").strip(), "1", "no hook ran")
        return rids(c)


def report(c, log, through, lost):
    """The figures of a restore; timing decides nothing."""
    noticed = json.loads(c.execute("vmgenctl status --json")[1])["changed_boottime_ns"]
    times = {}
    for event in log:
        if event.ns > noticed:
            times.setdefault((event.what, event.connection), (event.ns - noticed) / 1e9)
    named = (("frozen", ("frozen", 0)), ("down", ("gone", 0)), ("serving", ("connected", 2)),
             ("a user made", ("written", 2)))
    say("samba: seconds from the notice of a restore: "
        + ", ".join(f"{name} {times[key]:.2f}" for name, key in named if key in times))
    say(f"samba: users made between the restore and the freeze: {len(through)}, of which "
        f"{len(set(through.values()) & set(lost.values()))} have a RID of the lost time")


def check_restored(snapshot, invocation, lost, t):
    """It goes back while it runs, in the middle of a client's work."""
    with snapshot.clone(guid=new_guid()) as c:
        wait_for_event(c, "end")
        c.run("vmgenctl wait --settled 1", timeout=600)
        run = json.loads(c.run("vmgenctl history --json | tail -n 1"))
        outcomes = {name: hook["outcome"] for name, hook in run["hooks"].items()}
        if not t.equal((outcomes.get("10-samba-ad"), outcomes.get("50-samba-ad")),
                       ("succeeded", "succeeded"), "both hooks succeeded"):
            t.note(c.run("journalctl -q -b -u vmgend"))
        t.equal(c.run(f"systemctl is-active {UNIT}").strip(), "active", "Samba runs")
        log, now = list(events(c)), rids(c)
        before = {e.name for e in log if e.connection == 1 and e.detail not in ("", c.guid())}
        after = [e.name for e in log if e.what == "written" and e.connection == 2]
        report(c, log, {n: now[n] for n in now.keys() - before - set(after)}, lost)
        check_identity(c, invocation, lost, after, t)
        frozen = next((e.ns for e in log if e.what == "frozen"), None)
        t.ok(frozen, "Samba was frozen")
        answered = [e for e in log if e.connection == 1 and e.what == "written" and e.ns > frozen]
        # The first was asked before, and perhaps answered and not noted yet.
        t.equal(answered[1:], [], "nothing that was asked after that was answered until it was "
                "repaired")
        check_journal(c, t)
        # Soon after Samba runs again.
        wait_for(c, "journalctl -q -b -o cat | grep -q 'the repair has lasted'")
        t.equal(identity(c)[1], c.guid(), "a timer has found that the repair has lasted")


def check_identity(g, invocation, lost, after, t):
    """It is another originator now, of other RIDs."""
    new, generation = identity(g)
    now = rids(g)
    t.ok(new != invocation, "it has a new invocationId")
    t.equal(generation, g.guid(), "the directory has the new ID of the machine")
    t.equal(stamps(g, after[-1]), {new}, "new users are stamped with it")
    t.ok(min(now[name] for name in after) > max(lost.values()),
         "and have RIDs beyond those of the lost time")


def check_journal(g, t):
    """Of a restore that was some minutes late, and the machine knows it."""
    journal = g.run("journalctl -q -b -o cat")
    for number in ("2170", "1109", "2205", "2179"):
        t.ok(re.search(rf"\b{number}\b", journal), f"the journal has event {number}")
    pools = re.search(r"leave out (\d+) to (\d+) pools", journal)
    t.ok(pools and int(pools[1]) <= MOST_POOLS, "no more RIDs are left out than fit the lost time: "
         f"{pools and pools[0]}")


def check_broken(snapshot, guid, invocation, t):
    """The hooks' program cannot be run."""
    with snapshot.clone(guid=guid) as c:
        c.run(f"mv {PROGRAM} /root; sync")
        broken = c.snapshot()
    with broken.clone(guid=new_guid()) as c:
        c.execute("vmgenctl wait --settled 1", timeout=600)
        t.equal(c.run(f"cat {FREEZE}").strip(), "1", "without its program Samba stays frozen")
        t.ok("journalctl -u vmgend" in c.execute("vmgenctl status")[1],
             "vmgenctl status says where to look")
        way = re.search(f"{UNIT} stays frozen .*: (vmgend-samba-ad repair)",
                        c.run("journalctl -q -b -u vmgend -o cat"))
        if t.ok(way, "which names the command for when it can be run again"):
            c.run(f"mv /root/{pathlib.Path(PROGRAM).name} {PROGRAM}; {way.group(1)}", timeout=600)
            new, generation = identity(c)
            t.ok(new != invocation and generation == c.guid(), "which repairs")
            t.equal(c.run(f"systemctl is-active {UNIT}").strip(), "active", "and starts it")


def check_booted(debian, disk, invocation, lost, t):
    """Its disk went back while it was off: nothing is served before the repair."""
    with debian.boot(new_guid(), disk, memory=MEMORY) as g:
        start_writer(g, "after", 1)
        wait_for_event(g, "end")
        run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
        t.equal((run["event"], run["hint"]), ("boot-changed", "rollback"),
                "a disk that went back is noticed at boot")
        after = [e.name for e in events(g) if e.what == "written"]
        check_identity(g, invocation, lost, after, t)
        check_journal(g, t)


def check_copied(debian, disk, invocation, t):
    """A copy beside the living original is no second domain controller."""
    with debian.boot(new_guid(), disk, memory=MEMORY, uuid=OTHER_UUID,
                     devices=(OTHER_NETWORK,)) as g:
        wait_for(g, f"systemctl is-failed {UNIT}")
        status, output = g.execute("vmgenctl check")
        t.equal((status, f"{UNIT} is kept down" in output), (8, True), "a copy is fenced")
        t.ok(f"vmgenctl fence lift {UNIT}" in output, "vmgenctl check has the way out")
        t.ok(g.execute(f"systemctl start {UNIT}", 600)[0] != 0, "it cannot be started")
        t.equal(identity(g)[0], invocation, "nothing was changed in it")
        way = re.search(r"vmgend-samba-ad --force repair", output)
        if t.ok(way, "it names the command for who knows better"):
            g.run(way.group(), timeout=600)
            t.equal(identity(g)[1], g.guid(), "which repairs")
            t.equal(g.run(f"systemctl is-active {UNIT}; vmgenctl fence list"), "active\n",
                    "and starts it")


def scenario(kernel, t):
    debian = Prebuilt(kernel, PACKAGES, prepare=provision)
    guid = new_guid()
    with debian.boot(guid, memory=MEMORY) as g:
        start_writer(g, "before", 2)
        wait_for_event(g, "written")
        invocation = check_adopted(g, t)
        g.run("sync")
        snapshot = g.snapshot()
    lost = run_lost(snapshot, guid, invocation, t)
    check_restored(snapshot, invocation, lost, t)
    if os.environ.get("VMGEN_LONG"):
        check_broken(snapshot, guid, invocation, t)
        check_booted(debian, snapshot.disk, invocation, lost, t)
        check_copied(debian, snapshot.disk, invocation, t)


if __name__ == "__main__":
    tap.main(scenario)
