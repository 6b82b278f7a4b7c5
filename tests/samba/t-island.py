#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A controller that was removed from the domain is back from a snapshot; and what looks like that:
its partner is down, or has another password for it. One that is read-only is neither.
"""

import shutil
import time

from harness import installation
from harness.alone import FENCE, install_vmgenctl
from harness.controller import ADMINISTRATOR, REALM, SECONDS, Controller
from harness.domain import KERBEROS, PARTS, Domain

# Its own KDC believes in it, so that with tickets from there it can replicate for a while.
OWN_KDC = """[libdefaults]
default_realm = VMGEN.TEST
dns_lookup_kdc = false
[realms]
VMGEN.TEST = {
 kdc = 10.99.0.2
}
"""


def fence(dc):
    path = installation.path(f"{dc.directory}/vmgen/fence/{FENCE}")
    return path.read_text("utf-8") if path.exists() else ""


def check(dc):
    return installation.execute("vmgenctl", f"--state-dir={dc.directory}/vmgen", "check")[1]


def repaired(d, t):
    """Back, repaired and running; the other one as well."""
    d.dc2.new_id()
    status, output = d.dc2.repair()
    t.equal(status, 0, "it is repaired") or t.note(output)
    d.dc2.start()


def removed(d):
    """While it is off, as an administrator does that."""
    d.snapshot("before")
    d.dc1.start()
    installation.run("samba-tool", "domain", "demote", "--remove-other-dead-server=dc2",
                     "-H", d.dc1.url, *ADMINISTRATOR)
    d.dc1.stop()
    d.dc1.snapshot("removed")


def silent(d, t):
    """Nobody says anything, so nothing is known."""
    repaired(d, t)
    status, output = d.dc2.safeguard("verify")
    t.ok(status != 10 and not fence(d.dc2) and "removed" not in output,
         "while the partner is down nothing is fenced") or t.note(output)
    t.ok("samba-ad  island:" not in check(d.dc2), "nor told")


def island(d, t):
    d.dc1.start()
    status, output = d.dc2.safeguard("verify")
    want = "DC2 was removed from the domain after this snapshot, DC1 says"
    t.ok(status == 10 and want in output, "when it answers it is an island") or t.note(output)
    t.ok(want in fence(d.dc2) and "--force repair" in fence(d.dc2),
         "and fenced, with the reason and the command")
    t.ok(f"samba-ad  island: {want}" in check(d.dc2), "vmgenctl check tells it, too"
         ) or t.note(check(d.dc2))
    t.equal(d.dc2.safeguard("before-start")[0], 10, "it does not start")
    t.equal(d.dc2.safeguard("verify")[0], 10, "that stays so")
    d.dc2.stop()


def accepted(d, t):
    """The administrator knows better."""
    status, output = d.dc2.safeguard("repair", "--force")
    t.ok(status == 0 and not fence(d.dc2), "--force repair lifts the fence") or t.note(output)
    d.dc2.start()
    status, output = d.dc2.safeguard("verify")
    t.ok(status != 10 and not fence(d.dc2), "for good") or t.note(output)
    t.ok("samba-ad  island:" not in check(d.dc2), "and is told no more")
    d.stop()


def joined_anew(d, t):
    """The other remedy."""
    d.dc2.restore("island")
    d.dc1.start()
    state = installation.path(f"{d.dc2.directory}/vmgen")
    kept = installation.path("/srv/kept")
    state.rename(kept)
    shutil.rmtree(installation.path(d.dc2.directory))
    d.join(d.dc2)
    kept.rename(state)
    t.ok(fence(d.dc2), "joined anew it is still fenced")
    d.dc2.stop()
    status, output = d.dc2.safeguard("repair", "--force")
    t.ok(status == 0 and not fence(d.dc2), "until --force repair") or t.note(output)
    d.dc2.start()
    status, output = d.dc2.safeguard("verify")
    t.ok(status == 77 and not fence(d.dc2), "and then there is nothing to verify"
         ) or t.note(output)
    t.equal(d.settle(), "", "it replicates")
    t.ok("samba-ad  island:" not in check(d.dc2), "and nothing is told of it")
    d.stop()
    d.dc1.restore("removed")


def heard_itself(d, t):
    """What it replicates before anybody looks is that it is deleted."""
    installation.path("/etc/krb5.conf").write_text(OWN_KDC, "ascii")
    d.dc2.restore("before")
    d.dc1.start()
    repaired(d, t)
    deadline = time.monotonic() + SECONDS
    while "was removed from the domain" not in (output := d.dc2.safeguard("--check")[1]):
        assert time.monotonic() < deadline, output
        d.replicate(d.dc2, d.dc1, PARTS[1], seconds=0)
    t.ok("join it again" in output and "Traceback" not in output,
         "a database that has heard of it is told from a damaged one") or t.note(output)
    status, output = d.dc2.safeguard("verify")
    t.ok(status == 10 and "was removed from the domain" in fence(d.dc2), "and fenced"
         ) or t.note(output)
    d.stop()
    status, output = d.dc2.safeguard("before-start")
    t.equal(status, 10, "it does not start") or t.note(output)
    installation.path("/etc/krb5.conf").write_text(KERBEROS, "ascii")


def other_password(d, t):
    d.dc1.restore("before")
    d.dc2.restore("before")
    # Twice, because the last one counts for an hour.
    for number in (1, 2):
        installation.run("samba-tool", "user", "setpassword", "dc2$",
                         f"--newpassword=Other.Passw0rd.{number}",
                         "-H", f"{d.dc1.directory}/private/sam.ldb",
                         f"--configfile={d.dc1.configuration}")
    repaired(d, t)
    d.dc1.start()
    status, output = d.dc2.safeguard("verify")
    t.ok(status != 10 and not fence(d.dc2), "one whose password was changed is no island"
         ) or t.note(output)
    told = check(d.dc2)
    t.ok("samba-ad  partners: " in told and "samba-ad  island:" not in told,
         "nor is it told so, but that nothing was heard") or t.note(told)
    d.stop()


def read_only(d, t):
    """One that was joined as such; it need not run for that."""
    d.dc1.start()
    dc = Controller(3)
    installation.run("samba-tool", "domain", "join", REALM, "RODC", *ADMINISTRATOR,
                     f"--server={d.dc1.name}.{REALM}", "--dns-backend=SAMBA_INTERNAL",
                     f"--targetdir={dc.directory}", f"--option=netbios name={dc.name}")
    d.dc1.stop()
    for command, want in (("repair", 77), ("before-start", 0), ("--check", 77)):
        status, output = dc.safeguard(command, VMGEN_EVENT="changed")
        t.ok(status == want and "nobody takes changes from it" in output and "SYSVOL" in output,
             f"{command}: a read-only controller has nothing to repair") or t.note(output)
    t.ok(not fence(dc), "nor is it fenced")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    install_vmgenctl()
    removed(d)
    silent(d, t)
    island(d, t)
    d.dc2.snapshot("island")
    accepted(d, t)
    joined_anew(d, t)
    heard_itself(d, t)
    other_password(d, t)
    read_only(d, t)


if __name__ == "__main__":
    installation.main(scenario)
