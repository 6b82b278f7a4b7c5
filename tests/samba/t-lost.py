#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What was done in the lost time to objects that were there before: it deleted one and made another
of its name, took a name that is taken again afterwards, moved members of a group, and changed the
schema. The controller that went back goes on alone at first, and then meets its partner.
"""

import re

from harness import installation
from harness.controller import ADMINISTRATOR, BASE
from harness.domain import Domain

SCHEMA = f"CN=Schema,CN=Configuration,{BASE}"
STAYS, GOES, COMES, FLIPS = "stays", "goes", "comes", "flips"
GROUP = "crew"
# An attribute that users may have. The OID is one of those that Samba's own tests use.
ATTRIBUTE = f"""dn: CN=vmgenLost,{SCHEMA}
changetype: add
objectClass: top
objectClass: attributeSchema
attributeID: 1.3.6.1.4.1.7165.4.6.1.99.18
attributeSyntax: 2.5.5.12
oMSyntax: 64
isSingleValued: TRUE
systemOnly: FALSE
lDAPDisplayName: vmgenLost

dn:
changetype: modify
add: schemaUpdateNow
schemaUpdateNow: 1

"""
MAY_HAVE = f"""dn: CN=User,{SCHEMA}
changetype: modify
add: mayContain
mayContain: vmgenLost

dn:
changetype: modify
add: schemaUpdateNow
schemaUpdateNow: 1

"""
VALUE = f"""dn: CN={STAYS},CN=Users,{BASE}
changetype: modify
add: vmgenLost
vmgenLost: kept

"""


def write(dc, text):
    """Its status, and what the server says."""
    return installation.execute("ldbmodify", "-H", dc.url, *ADMINISTRATOR, stdin=text)


def must(dc, text):
    status, output = write(dc, text)
    if status:
        raise installation.SambaError(f"{dc.name}: {output}{dc.log()}")


def change_schema(dc):
    """In the order in which a server has to know them."""
    for text in (ATTRIBUTE, MAY_HAVE, VALUE):
        must(dc, text)


def members(dc, what, *names):
    installation.run("samba-tool", "group", f"{what}members", GROUP, ",".join(names), "-H", dc.url,
                     *ADMINISTRATOR)


def found(dc, expression, attribute):
    """The values of an attribute by the names of the objects."""
    output = installation.run("ldbsearch", "-H", dc.url, *ADMINISTRATOR, "-b", f"CN=Users,{BASE}",
                              expression, attribute)
    entries = re.split(r"(?m)^# record \d+$", output.replace("\n ", ""))[1:]
    value = re.compile(rf"(?m)^{attribute}: (.*)$")
    return {re.search(r"(?m)^dn: (.*)$", e).group(1): value.findall(e) for e in entries}


def in_group(dc):
    group = found(dc, f"(cn={GROUP})", "member").popitem()[1]
    return sorted(re.match("CN=([^,]*)", dn).group(1) for dn in group)


def objects(dc, name):
    """Those of this name, one that had to make way included: their objectGUIDs, by what they are
    called then."""
    return {"CNF" if "0ACNF:" in dn else "name": guid
            for dn, (guid,) in found(dc, f"(cn={name}*)", "objectGUID").items()}


def start_with(d):
    for dc in d.both:
        with open(installation.path(dc.configuration), "a", encoding="ascii") as f:
            f.write("\ndsdb:schema update allowed = yes\n")
    d.start()
    d.dc1.add(STAYS, GOES, COMES, FLIPS, "renewed")
    installation.run("samba-tool", "group", "add", GROUP, "-H", d.dc1.url, *ADMINISTRATOR)
    members(d.dc1, "add", STAYS, GOES, FLIPS)
    d.converge()
    d.stop()
    d.snapshot("before")


def lose(d, dc, work, name):
    """What work() does reaches both; then this one is back before it."""
    d.start()
    work()
    d.converge()
    d.replicate(d.dc2, d.dc1, SCHEMA)
    d.stop()
    dc.restore("before")
    dc.new_id()
    d.snapshot(name)


def lost_objects(d):
    d.dc2.delete("renewed")
    d.dc2.add("renewed")
    d.dc2.add("namesake", kind="contact")
    members(d.dc2, "add", COMES)
    members(d.dc2, "remove", GOES, FLIPS)
    change_schema(d.dc1)


def go_on(d):
    """DC2 alone, which knows nothing of all that; then both."""
    d.dc2.start()
    d.dc2.add("namesake", kind="contact")
    d.dc2.modify("renewed")
    members(d.dc2, "remove", FLIPS)
    members(d.dc2, "add", FLIPS)
    d.start()
    d.converge()


def without(d, t):
    made = d.dc1.facts()["objects"]["renewed"]["rid"]
    go_on(d)
    t.ok(d.content(), "without: samba-tool drs showrepl calls it good")
    differ = d.differences()
    t.note(f"crew of dc1 {in_group(d.dc1)}, of dc2 {in_group(d.dc2)}")
    t.ok(in_group(d.dc1) != in_group(d.dc2), "their group has other members on each")
    has = [dc.facts()["objects"]["renewed"]["rid"] for dc in d.both]
    t.ok(has[0] == made != has[1], "the object that was made anew is the deleted one on DC2")
    t.ok(objects(d.dc1, "namesake") != objects(d.dc2, "namesake"),
         "there are two of one name, and nobody hears of it")
    t.ok(differ, "samba-tool ldapcmp finds that they differ")
    t.note(differ[-2000:])


def settled(d, t):
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    status, output = installation.execute("samba-tool", "ldapcmp", d.dc1.url, d.dc2.url, "schema",
                                          *ADMINISTRATOR)
    if not t.equal(status, 0, "nor in the schema"):
        t.note(output)
    for dc in d.both:
        output = installation.execute("samba-tool", "dbcheck", "--cross-ncs",
                                      f"--configfile={dc.configuration}")[1]
        if not t.ok("(0 errors)" in output, f"dbcheck is content with {dc.name}"):
            t.note(output)


def repair(dc, t):
    status, output = dc.safeguard("before-start")
    if not t.ok(status == 0 and "1109" in output, f"with: {dc.name} is repaired"):
        t.note(output)


def with_safeguard(d, t):
    renewed = d.dc1.facts()["objects"]["renewed"]
    repair(d.dc2, t)
    go_on(d)
    settled(d, t)
    names = [objects(dc, "namesake") for dc in d.both]
    t.note(f"namesakes {names}")
    t.ok(names[0] == names[1] and set(names[0]) == {"name", "CNF"},
         "the name that was taken twice: one keeps it on both, the other one is renamed")
    for dc in d.both:
        t.equal(dc.facts()["objects"]["renewed"]["rid"], renewed["rid"],
                f"{dc.name} has the user that was made anew, and not the deleted one")
        t.equal(in_group(dc), sorted((STAYS, COMES, FLIPS)),
                f"the group of {dc.name}: who came has come, who went has gone, who went and came "
                "back is there")
        t.equal(found(dc, f"(cn={STAYS})", "vmgenLost").popitem()[1], ["kept"],
                f"{dc.name} knows the attribute that was added to the schema")


def schema_master(d, t):
    """It made the change itself, so only its partner knows of it now."""
    d.restore("before")
    lose(d, d.dc1, lambda: change_schema(d.dc1), "master back")
    repair(d.dc1, t)
    # Its partner is not there yet.
    d.dc1.start()
    t.equal(found(d.dc1, f"(cn={STAYS})", "vmgenLost").popitem()[1], [],
            "the schema master is back before what it changed")
    status, output = write(d.dc1, ATTRIBUTE)
    t.ok(status and "not master" in output,
         "until it has heard its partner it does not change the schema") or t.note(output)
    d.start()
    d.replicate(d.dc1, d.dc2, SCHEMA)
    d.converge()
    for dc in d.both:
        t.equal(found(dc, f"(cn={STAYS})", "vmgenLost").popitem()[1], ["kept"],
                f"then {dc.name} knows the attribute")
    status, output = d.dc1.safeguard("verify")
    t.equal(status, 0, "verify gives it its role back") or t.note(output)
    must(d.dc1, ATTRIBUTE.replace("vmgenLost", "vmgenNext").replace("99.18", "99.19"))
    d.replicate(d.dc2, d.dc1, SCHEMA)
    settled(d, t)


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    start_with(d)
    lose(d, d.dc2, lambda: lost_objects(d), "back")
    without(d, t)
    d.stop()
    d.restore("back")
    with_safeguard(d, t)
    d.stop()
    schema_master(d, t)
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
