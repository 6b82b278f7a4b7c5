#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The files of the copy that BIND works on: what a repair makes of them, killed at any step, with
hard links that are broken, or without half of them; and other copies. With VMGEN_LONG= (make
check-hooks) killed at each step, and with a database that is not made of tdb files.
"""

import os
import re
import subprocess

from harness import installation
from harness.alone import Alone

KILLED = f"{installation.GUEST}/killed.py"
STEPS = ("os.rename", "os.link", "os.unlink", "transaction_commit", "transaction_cancel")
PARTS = "sam.ldb.d"
NAMES = {"configuration": f"{PARTS}/CN=CONFIGURATION,DC=VMGEN,DC=TEST.ldb",
         "schema": f"{PARTS}/CN=SCHEMA,CN=CONFIGURATION,DC=VMGEN,DC=TEST.ldb",
         "zone": f"{PARTS}/DC=DOMAINDNSZONES,DC=VMGEN,DC=TEST.ldb",
         "stub": f"{PARTS}/DC=VMGEN,DC=TEST.ldb", "metadata": f"{PARTS}/metadata.tdb",
         "database": "sam.ldb"}
LINKS = ("zone", "metadata")
MOST = 40


def ours(dc, name):
    return installation.path(f"{dc.directory}/private/{NAMES[name]}")


def theirs(dc, name):
    return installation.path(f"{dc.directory}/bind-dns/dns/{NAMES[name]}")


def identity(dc, place):
    output = installation.execute("ldbsearch", "-H", f"{dc.directory}/{place}/sam.ldb",
                                  f"--configfile={dc.configuration}", "-s", "base", "-b",
                                  dc.ntds, "invocationId")[1]
    return [line for line in output.splitlines() if line.startswith("invocationId: ")]


def whole(dc):
    """What is wrong, for a look that is not that of the program."""
    wrong = [name for name in NAMES if not theirs(dc, name).is_file()]
    wrong += [name for name in LINKS if not wrong and
              not os.path.samefile(ours(dc, name), theirs(dc, name))]
    group = installation.path(f"{dc.directory}/bind-dns").stat().st_gid
    wrong += [f"group of {name}" for name in NAMES if not wrong and
              (theirs(dc, name).stat().st_gid != group or theirs(dc, name).stat().st_mode & 0o777
               != 0o660)]
    # A stub: the keys of all accounts are in the partition itself.
    wrong += ["the domain"] if not wrong and b"supplementalCredentials" in \
        theirs(dc, "stub").read_bytes() else []
    wrong += [p.name for p in installation.path(f"{dc.directory}/bind-dns/dns/{PARTS}").iterdir()
              if p.stat().st_gid != group]
    left = [p.name for p in installation.path(f"{dc.directory}/private").iterdir()
            if p.name.startswith("vmgen-") and p.name != "vmgen-kept"]
    found, expected = identity(dc, "bind-dns/dns"), identity(dc, "private")
    return wrong + left + ([] if found == expected and found else [f"{found} not {expected}"])


def good(dc, t, name, output=""):
    wrong = whole(dc)
    t.ok(not wrong, name) or t.note(f"{wrong}\n{output}")


def back(dc):
    """With the ID that is on record there."""
    dc.restore("adopted")
    dc.id = dc.facts()["generation"]


def again(dc):
    dc.restore("adopted")
    dc.new_id()


def repaired(dc, t):
    again(dc)
    before = dc.facts()["invocation"]
    stub = theirs(dc, "stub").read_bytes()
    output = dc.must("repair", "--dry-run")
    t.ok("would give the copy of BIND" in output and dc.facts()["invocation"] == before,
         "--dry-run tells of the copy") or t.note(output)
    output = dc.must("repair")
    after = dc.facts()
    t.ok(after["invocation"] != before and after["generation"] == dc.id, "repaired")
    good(dc, t, "the copy has the same identity, all files, links and rights", output)
    t.equal(theirs(dc, "stub").read_bytes(), stub, "of the domain it has what it had")
    t.ok("has lasted" in dc.must("verify"), "verify: it has lasted")
    t.equal(dc.safeguard("--check")[0], 0, "--check is content")


def kill_at(dc, method, number, when):
    """Whether it came as far as there."""
    status, output = dc.safeguard("before-start", program=(KILLED, method, str(number), when))
    if status not in (0, -9, 137):
        raise installation.SambaError(f"{method} {number}: status {status}\n{output}")
    return status != 0


def sweep(dc, t, what, prepare, steps, whens):
    """Killed there, the next start makes it right."""
    count, between, wrong = 0, 0, []
    for method in steps:
        for when in whens:
            for number in range(1, MOST):
                prepare()
                if not kill_at(dc, method, number, when):
                    break
                count += 1
                left = dc.facts()
                between += left["generation"] != dc.id and \
                    identity(dc, "private") != identity(dc, "bind-dns/dns")
                output = dc.must("before-start")
                if whole(dc) or dc.facts()["generation"] != dc.id:
                    wrong.append((when, method, number, whole(dc), output))
    t.ok(count and not wrong, f"{what}: killed at {count} points, and the next start makes it right"
         ) or t.note(str(wrong))
    return between


def killed(dc, t):
    long = os.environ.get("VMGEN_LONG")
    between = sweep(dc, t, "repair", lambda: again(dc), STEPS if long else ("os.rename",),
                    ("before", "after") if long else ("before",))
    t.ok(between, "the copy had the old identity at some of them, and no ID was on record")


def removed(dc, t):
    """What samba_upgradedns leaves, which removes the directory, then makes and links it anew."""
    # The first link is that of a keytab.
    for number in (2, 4):
        back(dc)
        installation.execute("/usr/bin/python3", KILLED, "os.link", str(number), "before",
                             "/usr/sbin/samba_upgradedns", "--dns-backend=BIND9_DLZ",
                             f"--configfile={dc.configuration}")
        t.ok(not theirs(dc, "database").exists(), f"samba_upgradedns is killed at link {number}")
        status, output = dc.safeguard("--check")
        t.ok(status == 7 and "is not whole" in output, "--check tells") or t.note(output)
        good(dc, t, "the next start makes the rest", dc.must("before-start"))

    back(dc)
    break_links(dc)
    installation.run("samba_upgradedns", "--dns-backend=BIND9_DLZ",
                     f"--configfile={dc.configuration}")
    good(dc, t, "samba_upgradedns, when it is not killed, makes what is looked for")
    t.ok("sam.ldb" not in dc.must("before-start"), "so nothing is done")

    def prepare():
        back(dc)
        installation.run("rm", "-r", f"{dc.directory}/bind-dns/dns")

    prepare()
    good(dc, t, "all of it removed: made anew", dc.must("before-start"))
    if os.environ.get("VMGEN_LONG"):
        sweep(dc, t, "made anew", prepare, STEPS, ("before", "after"))
    back(dc)
    installation.run("rm", "-r", f"{dc.directory}/bind-dns")
    t.ok("sam.ldb" not in dc.must("before-start"), "without named.conf nothing is made")


def upgrading(dc, t):
    """What somebody is just making anew is not whole, and his business."""
    back(dc)
    installation.run("rm", "-r", f"{dc.directory}/bind-dns/dns")
    program = installation.path("/srv/samba_upgradedns")
    program.write_text("#!/bin/sh\nread line\n", "ascii")
    program.chmod(0o755)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        status, output = dc.safeguard("before-start")
        t.ok(status == 1 and f"samba_upgradedns (process {process.pid})" in output,
             "samba_upgradedns runs: left to it") or t.note(output)
    good(dc, t, "until it has ended", dc.must("before-start"))
    back(dc)
    installation.run("rm", "-r", f"{dc.directory}/bind-dns/dns")
    stranger = ("import os; open('/proc/self/comm', 'w').write('samba_upgradedn'); "
                "os.setuid(65534); print(flush=True); input()")
    with subprocess.Popen(["python3", "-c", stranger], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        good(dc, t, "nobody else's process of that name is waited for", dc.must("before-start"))


def break_links(dc):
    for name in LINKS:
        path = theirs(dc, name)
        installation.run("sh", "-ec", 'cp -a "$1" "$1.new"; mv "$1.new" "$1"', "sh",
                         f"{dc.directory}/bind-dns/dns/{NAMES[name]}")
        assert not os.path.samefile(ours(dc, name), path)


def linked(dc, t):
    back(dc)
    break_links(dc)
    status, output = dc.safeguard("--check")
    t.ok(status == 7 and "no hard link" in output, "a broken hard link: --check tells"
         ) or t.note(output)
    output = dc.must("before-start")
    good(dc, t, "the next start links it again", output)
    kept = list(installation.path(f"{dc.directory}/private/vmgen-kept").iterdir())
    t.equal([p.name.split(",")[0] for p in kept], ["DC=DOMAINDNSZONES"], "what named had is kept")
    found = installation.run("sh", "-c", re.search(r"ldbsearch -H .*", output)[0])
    t.ok("DC=_ldap._tcp" in found, "and can be read by the command that was told")
    again(dc)
    break_links(dc)
    good(dc, t, "so it is with a repair", dc.must("repair"))


def evil(dc, t):
    """named may write there, and might have been taken over."""
    for name in ("configuration", "database"):
        again(dc)
        victim = installation.path("/srv/victim")
        victim.write_text("untouched\n", "ascii")
        victim.chmod(0o600)
        theirs(dc, name).unlink()
        theirs(dc, name).symlink_to("/srv/victim")
        output = dc.must("repair")
        good(dc, t, f"a symbolic link in the place of {name}: made anew", output)
        t.equal((victim.read_text("ascii"), victim.stat().st_mode & 0o777), ("untouched\n", 0o600),
                "and not followed")
    again(dc)
    installation.run("sh", "-ec", 'rm "$1"; mkfifo -m 660 "$1"', "sh",
                     f"{dc.directory}/bind-dns/dns/{NAMES['configuration']}")
    good(dc, t, "a pipe: nobody waits for it", dc.must("repair"))
    again(dc)
    theirs(dc, "configuration").write_bytes(b"TDB file\n" + b"\xff" * 70000)
    good(dc, t, "garbage", dc.must("repair"))


def elsewhere(dc, t):
    back(dc)
    copy = f"{dc.directory}/state/openchange"
    installation.run("mkdir", copy)
    installation.run("cp", "-a", f"{dc.directory}/private/sam.ldb",
                     f"{dc.directory}/private/sam.ldb.d", copy)
    installation.path(f"{copy}/loop").symlink_to("..")
    dc.must("before-start")
    notice = installation.path(f"{dc.directory}/vmgen/samba-ad/notices/copies")
    t.ok(not notice.exists(), "a copy elsewhere that has the same identity: nothing to tell")
    dc.new_id()
    dc.must("repair")
    output = dc.must("verify")
    t.ok(f"{copy}/sam.ldb" in output and "has lasted" not in output,
         "with another one: verify does not say that the repair has lasted") or t.note(output)
    t.ok(f"{copy}/sam.ldb" in notice.read_text("ascii"), "a notice says where it is")
    output = dc.safeguard("--check")[1]
    t.ok(f"{copy}/sam.ldb: another invocationId" in output, "so does --check") or t.note(output)
    installation.run("mv", copy, "/srv/elsewhere")
    dc.must("before-start")
    t.ok(not notice.exists(), "moved out of Samba's directories, as it says, it is forgotten")


def blocked(dc, t):
    """No room for the copy: Samba stays down, and no more RIDs are taken away by the next try."""
    again(dc)
    program = installation.path("/usr/local/bin/cat")
    program.write_text("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n", "ascii")
    program.chmod(0o755)
    try:
        status, output = dc.safeguard("before-start")
        first = dc.facts()["invocation"]
        t.ok(status == 1 and "No space left" in output, "the copy cannot be made: Samba stays down"
             ) or t.note(output)
        t.equal(dc.safeguard("before-start")[0], 1, "so it is at the next start")
    finally:
        program.unlink()
    good(dc, t, "and then it is made", dc.must("before-start"))
    t.equal(dc.facts()["invocation"], first, "the identity has not changed again")


def scenario(_suite, t):
    for backend in ("tdb", "mdb") if os.environ.get("VMGEN_LONG") else ("tdb",):
        t.note(f"backend {backend}")
        dc = Alone("--dns-backend=BIND9_DLZ", f"--backend-store={backend}")
        dc.must("repair")
        dc.snapshot("adopted")
        for test in (repaired, killed, removed, linked, evil, elsewhere, blocked):
            test(dc, t)
        if os.environ.get("VMGEN_LONG"):
            upgrading(dc, t)
        installation.run("sh", "-c", f"rm -rf {dc.directory} {dc.directory}.adopted /srv/elsewhere")


if __name__ == "__main__":
    installation.main(scenario)
