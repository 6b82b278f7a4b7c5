#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The owner of all roles goes back: it uses none of them until a partner has told whether it still
has them, and it never lowers the pool of RIDs of the new master.
"""

import re
import shutil
import time

from harness import installation
from harness.alone import MANAGER
from harness.controller import ADMINISTRATOR, BASE, OBJECT
from harness.domain import Domain, retry

LAST = 1073741823
FAR = 1_000_100
ROLES = 7
MOVED = ("rid", "pdc", "schema")
SCHEMA = f"CN=Schema,CN=Configuration,{BASE}"
ATTRIBUTE = """dn: CN=vmgen-{name},{schema}
objectClass: attributeSchema
lDAPDisplayName: vmgen{name}
attributeID: 1.3.6.1.4.1.7165.99.{number}
attributeSyntax: 2.5.5.12
oMSyntax: 64
isSingleValued: TRUE

"""


def owners(dc):
    """{role: name of the owner}, by its database"""
    output = installation.run("samba-tool", "fsmo", "show", f"--configfile={dc.configuration}")
    return dict(re.findall(r"(\w+)Role owner: CN=NTDS Settings,CN=(\w+),", output))


def all_of(name, dc):
    return list(owners(dc).values()) == [name] * ROLES


def first(dc):
    return dc.facts()["available"][0]


def set_available(dc, rid):
    installation.run("ldbmodify", "-H", f"{dc.directory}/private/sam.ldb", "--controls=relax:0",
                     stdin=f"dn: {MANAGER}\nchangetype: modify\nreplace: rIDAvailablePool\n"
                           f"rIDAvailablePool: {(LAST << 32) + rid}\n\n")


def run(t, dc, name, *words, status=0):
    found, output = dc.safeguard(*words)
    t.note(output)
    t.equal(found, status, name)
    return output


def notices(dc):
    place = installation.path(f"{dc.directory}/vmgen/samba-ad/notices")
    return {p.name: p.read_text("utf-8") for p in place.glob("[a-z]*")}


def refused(dc, text):
    status, output = installation.execute("ldbadd", "-H", dc.url, *ADMINISTRATOR, stdin=text)
    return output if status else ""


def killed_at(number, when):
    return (f"{installation.GUEST}/killed.py", "transaction_commit", str(number), when)


def user(name):
    return OBJECT.format(name=name, base=BASE, kind="user", more=f"sAMAccountName: {name}")


def attribute(name, number):
    return ATTRIBUTE.format(name=name, number=number, schema=SCHEMA)


def wrong(dc):
    """What dbcheck finds."""
    output = installation.execute("samba-tool", "dbcheck", "--cross-ncs",
                                  f"--configfile={dc.configuration}")[1]
    return [line for line in output.splitlines() if not line.startswith(("Check", "Please"))]


def moved(d, t):
    """In the lost time line DC2 gets roles, and gives out more RIDs than DC1 ever knew."""
    d.start()
    for role in MOVED:
        status, output = retry("samba-tool", "fsmo", "transfer", f"--role={role}",
                               "-H", d.dc2.url, *ADMINISTRATOR,
                               f"--configfile={d.dc2.configuration}")
        t.equal(status, 0, f"the role {role} moves to DC2")
        t.note(output)
    d.converge()
    d.stop()
    set_available(d.dc2, FAR)
    d.start()
    d.dc2.add("lost")
    d.converge()
    d.stop()
    before = first(d.dc2)
    d.dc1.restore("before")
    d.dc1.new_id()
    t.equal((all_of("DC1", d.dc1), owners(d.dc2)["RidAllocationMaster"]), (True, "DC2"),
            "DC1 is back, and believes to have all roles")
    run(t, d.dc1, "it is repaired", "repair")
    t.ok(all_of("DC2", d.dc1) and first(d.dc1) < before, "it has no role then, and raises no pool")
    d.start()
    d.converge()
    # A full replication from DC2 has brought back what it still has, before verify looks at it.
    t.ok("has lasted" in run(t, d.dc1, "verify", "verify"), "nothing is held back any more")
    d.converge()
    for dc in d.both:
        t.equal([name for name, owner in sorted(owners(dc).items()) if owner == "DC2"],
                ["PdcEmulationMaster", "RidAllocationMaster", "SchemaMaster"],
                f"{dc.name} knows the roles that have moved")
        t.ok(first(dc) >= before, f"the pool never goes back on {dc.name}")
    t.equal(list(notices(d.dc1)), ["sysvol"], "nothing else is left to do")
    d.dc1.add("new")
    t.ok(d.dc1.facts()["objects"]["new"]["rid"] >= FAR, "DC1 gets RIDs of the new master")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    d.stop()


def silent(d, t):
    """Its partner is down."""
    t.ok(all_of("DC2", d.dc1), "it has no role then")
    t.equal(wrong(d.dc1), ["Couldn't get available RIDs: RID pools out of RIDs"],
            "dbcheck finds nothing wrong but that it has no RIDs")
    d.dc1.start()
    t.ok("RID" in refused(d.dc1, user("early1")), "no user can be made")
    t.ok("not master" in refused(d.dc1, attribute("early", 1)), "and the schema cannot be changed")
    t.ok("event 2092: " in run(t, d.dc1, "verify does not hear the partner", "verify"),
         "which is told")
    t.ok("roles" in notices(d.dc1) and "--force" in notices(d.dc1)["roles"],
         "what to do if it is gone is told")
    t.note(str(notices(d.dc1)))
    t.ok(all_of("DC2", d.dc1), "the roles are not used")


def used(d, t, before):
    t.ok(all_of("DC1", d.dc1), "the roles are used")
    t.ok(first(d.dc1) > before + 100 * 500, "and the pool is raised")
    t.ok("roles" not in notices(d.dc1), "nothing is said of roles any more")
    t.note(f"the first user after {d.dc1.add('new1'):.1f} s")
    t.equal(refused(d.dc1, attribute("late", 2)), "", "the schema can be changed without a restart")


def kept(d, t):
    """The partner answers later."""
    before = first(d.dc1)
    run(t, d.dc1, "DC1 is repaired", "repair")
    silent(d, t)
    d.dc2.start()
    start = time.monotonic()
    run(t, d.dc1, "verify, when DC2 is back", "verify")
    t.note(f"verify took {time.monotonic() - start:.1f} s")
    used(d, t, before)
    d.converge()
    t.equal(first(d.dc2), first(d.dc1), "DC2 takes the raised pool")
    t.ok(all_of("DC1", d.dc2), "and knew the owner all the time")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    t.equal(wrong(d.dc1), [], "dbcheck finds nothing wrong")


def behind(d, t):
    """The master counts RIDs as available that are in use."""
    d.stop()
    rid = d.dc2.facts()["objects"]["new1"]["rid"]
    for dc in d.both:
        set_available(dc, 2600)
    d.start()
    run(t, d.dc2, "verify on DC2, which was not repaired", "verify", status=77)
    t.ok("DC1" in notices(d.dc2).get("rids", ""), "it names the RID master")
    t.note(str(notices(d.dc2)))
    run(t, d.dc1, "verify on DC1", "verify", status=77)
    t.ok(first(d.dc1) > rid, "it leaves those out")
    d.converge()
    run(t, d.dc2, "verify on DC2 once more", "verify", status=77)
    t.equal(notices(d.dc2), {}, "has nothing to say")
    d.stop()


def forced(d, t):
    """The partner is gone for good; and the administrator has seized a role already."""
    before = first(d.dc1)
    run(t, d.dc1, "DC1 is repaired", "repair")
    run(t, d.dc1, "and once more after another restore", "before-start")
    d.dc1.start()
    installation.run("samba-tool", "fsmo", "seize", "--role=pdc", "--force",
                     f"--configfile={d.dc1.configuration}")
    run(t, d.dc1, "verify does not hear the partner", "verify")
    t.equal([name for name, owner in owners(d.dc1).items() if owner == "DC1"],
            ["PdcEmulationMaster"], "the role that was seized is used, and no other")
    told = notices(d.dc1)
    t.ok("pdc" not in told["roles"], "and not spoken of")
    # The second note of it, after that of the attempt: that the pool is raised.
    status, _ = d.dc1.safeguard("verify", "--force", program=(
        f"{installation.GUEST}/killed.py", "samba_ad.state.State.expect", "2", "before"))
    t.ok(status != 0 and all_of("DC1", d.dc1), "--force verify, killed when the roles are back")
    run(t, d.dc1, "--force verify", "--force", "verify")
    used(d, t, before)
    raised = first(d.dc1)
    run(t, d.dc1, "--force verify once more", "--force", "verify")
    t.ok(first(d.dc1) < raised + 100 * 500, "does not raise it again")
    removed(d, t, told["partners"])
    d.stop()


def removed(d, t, told):
    """The partner, by what was told while the roles were held back."""
    command = re.search(r"samba-tool domain demote --remove-other-dead-server=DC2 \S+", told)[0]
    t.ok(0 < told.find("vmgend-samba-ad --force verify") < told.find(command),
         "the roles are to be used before the partner is removed") or t.note(told)
    installation.run(*command.split())
    t.ok("has lasted" in run(t, d.dc1, "verify without the partner", "verify"),
         "nobody waits for it")
    t.equal(list(notices(d.dc1)), ["sysvol"], "and nothing is told of it")


def lost_state(d, t):
    before = first(d.dc1)
    run(t, d.dc1, "DC1 is repaired", "repair")
    place = installation.path(f"{d.dc1.directory}/vmgen")
    t.ok("would have DC1 take everything from DC2" in
         run(t, d.dc1, "verify --dry-run", "verify", "--dry-run"), "it would hear DC2")
    shutil.rmtree(place)
    run(t, d.dc1, "without its notes", "verify", "--dry-run")
    t.ok(not place.exists(), "it changes nothing")
    t.ok("is lost" in run(t, d.dc1, "it starts without its notes", "before-start"),
         "which is told")
    d.start()
    run(t, d.dc1, "verify", "verify")
    used(d, t, before)
    d.stop()


def killed(d, t):
    """At any commit of the repair."""
    for number in (1, 2):
        for when in ("before", "after"):
            d.restore("before")
            d.dc1.new_id()
            identity = d.dc1.facts()["invocation"]
            status, _ = d.dc1.repair(killed_at(number, when))
            t.ok(status != 0, f"killed {when} commit {number}")
            changed = d.dc1.facts()["invocation"] != identity
            t.equal(all_of("DC2" if changed else "DC1", d.dc1), True,
                    "a new identity and no roles, or neither")
            run(t, d.dc1, "the next repair", "repair")
            t.ok(all_of("DC2", d.dc1), "holds them back")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    with open(installation.path(d.dc1.configuration), "a", encoding="utf-8") as f:
        f.write("dsdb:schema update allowed = yes\n")
    d.snapshot("before")
    killed(d, t)
    d.restore("before")
    moved(d, t)
    for case in (kept, forced, lost_state):
        d.restore("before")
        d.dc1.new_id()
        case(d, t)
        if case is kept:
            behind(d, t)


if __name__ == "__main__":
    installation.main(scenario)
