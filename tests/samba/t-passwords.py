#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Passwords that were changed in the lost time: the key of all tickets, and that of the
controller's own account, of which it has the older one again while its partner knows the newer.
"""

import json
import re

from harness import installation
from harness.controller import ADMINISTRATOR, BASE, DOMAIN
from harness.domain import Domain

SECRET = f"{installation.GUEST}/secret.py"
NEXT = "Another.Passw0rd.Vmgen"
# As in vmgend-samba-ad(8).
IN_SECRETS = """dn: flatname={domain},cn=Primary Domains
changetype: modify
replace: secret
secret: {password}
-
replace: msDS-KeyVersionNumber
msDS-KeyVersionNumber: {version}
"""


def show(dc):
    return json.loads(installation.run("/usr/bin/python3", SECRET, "show", dc.configuration))


def lose(d, what):
    d.snapshot("before")
    d.start()
    installation.run("/usr/bin/python3", SECRET, what, d.dc2.configuration)
    d.dc2.stop()
    d.dc2.start()
    d.dc2.add("lost")
    d.converge()
    d.stop()
    d.dc2.restore("before")
    d.dc2.new_id()
    d.snapshot("back")


def repair(d, t):
    status, output = d.dc2.safeguard("before-start")
    if not t.ok(status == 0 and "1109" in output, "DC2 is repaired"):
        t.note(output)
    d.start()


def key_of_tickets(d, t):
    lose(d, "krbtgt")
    d.start()
    d.dc2.add("new", kind="contact")
    d.converge()
    t.ok(d.content() and show(d.dc1)["key"] != show(d.dc2)["key"],
         "without: one controller has another key of all tickets than the other, for good")
    d.stop()
    d.restore("back")
    repair(d, t)
    d.converge()
    t.equal(show(d.dc2)["key"], show(d.dc1)["key"], "with: both have the newer one")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    d.stop()
    d.restore("before")


def takes(target, source):
    """Whether it does, and what samba-tool says."""
    status, output = installation.execute("timeout", "60", "samba-tool", "drs", "replicate",
                                          target.name, source.name, BASE, *ADMINISTRATOR)
    return status == 0, output


def notice(dc):
    path = installation.path(f"{dc.directory}/vmgen/samba-ad/notices/password")
    return path.read_text("utf-8") if path.exists() else ""


def own_account(d, t):
    lose(d, "change")
    t.ok(show(d.dc2)["same"] and show(d.dc1)["key"] == show(d.dc2)["key"],
         "its own password goes back in the secrets and in the directory together")
    repair(d, t)
    inward, outward = takes(d.dc2, d.dc1), takes(d.dc1, d.dc2)
    t.ok(not inward[0] and not outward[0] and "WERR_LOGON_FAILURE" in inward[1],
         "its partner knows a newer one: nothing replicates, in either direction")
    output = d.dc2.safeguard("verify")[1]
    t.ok("the password of DC2$ is refused" in notice(d.dc2), "verify tells why") or t.note(output)
    output = installation.execute("net", "changesecretpw", "-f",
                                  f"--configfile={d.dc2.configuration}", stdin=f"{NEXT}\n")[1]
    t.ok("only supported on a DOMAIN_MEMBER" in output, "net changesecretpw is none for it")
    remedy(d)
    d.dc2.stop()
    d.dc2.start()
    t.ok(takes(d.dc2, d.dc1)[0], "set anew on both: DC2 takes from its partner")
    t.ok(not takes(d.dc1, d.dc2)[0], "which still has a ticket for the lost one")
    d.dc1.stop()
    d.dc1.start()
    d.dc2.add("new")
    d.converge()
    t.equal((d.dc1.has(["new"]), d.dc2.has(["lost"])), (["new"], ["lost"]),
            "until it is started again: no other join is needed")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    output = d.dc2.safeguard("verify")[1]
    t.equal(notice(d.dc2), "", "and verify has nothing more to say of it") or t.note(output)
    d.stop()


def remedy(d):
    """What vmgend-samba-ad(8) says."""
    for dc in d.both:
        installation.run("samba-tool", "user", "setpassword", "DC2$", f"--newpassword={NEXT}",
                         f"--configfile={dc.configuration}")
    found = installation.run("ldbsearch", "-H", f"{d.dc1.directory}/private/sam.ldb",
                             "(sAMAccountName=DC2$)", "msDS-KeyVersionNumber")
    version = re.search("(?m)^msDS-KeyVersionNumber: (.*)$", found).group(1)
    installation.run("ldbmodify", "-H", f"{d.dc2.directory}/private/secrets.ldb",
                     stdin=IN_SECRETS.format(domain=DOMAIN, password=NEXT, version=version))


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    key_of_tickets(d, t)
    own_account(d, t)


if __name__ == "__main__":
    installation.main(scenario)
