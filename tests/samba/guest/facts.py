#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Prints as JSON what the database of a domain controller holds, read from its files.

Runs beside Samba, whose Python bindings it needs, and works whether the servers run or not.
"""

import json
import sys

import ldb
from samba.auth import system_session
from samba.dcerpc import drsblobs, misc, security
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB


def guid(value):
    return str(ndr_unpack(misc.GUID, value))


def stamp(db, message, attribute):
    """Who wrote an attribute last, at which USN of his, and how often it was written."""
    blob = ndr_unpack(drsblobs.replPropertyMetaDataBlob, message["replPropertyMetaData"][0])
    wanted = db.get_attid_from_lDAPDisplayName(attribute)
    for m in blob.ctr.array:
        # Those above 2^31 come with another sign.
        if (m.attid ^ wanted) & 0xffffffff == 0:
            return {"invocation": str(m.originating_invocation_id), "usn": m.originating_usn,
                    "version": m.version}
    return None


def entry(db, dn, *attributes):
    return db.search(dn, ldb.SCOPE_BASE, attrs=[*attributes, "replPropertyMetaData"])[0]


def ranges(message, attribute):
    """(first, last) of a pool of RIDs."""
    value = int(str(message.get(attribute, idx=0) or 0)) & 0xffffffffffffffff
    return value & 0xffffffff, value >> 32


def identity(db):
    own = entry(db, db.get_dsServiceName(), "invocationId")
    computer = entry(db, str(entry(db, db.get_serverName(), "serverReference")
                             ["serverReference"][0]), "msDS-GenerationId", "rIDSetReferences")
    known = db.search(db.get_config_basedn(), ldb.SCOPE_SUBTREE, "(objectClass=nTDSDSA)",
                      attrs=["invocationId"])
    kept = computer.get("msDS-GenerationId", idx=0)
    facts = {"invocation": guid(own["invocationId"][0]), "written": stamp(db, own, "invocationId"),
             "controllers": {str(m.dn.parent().get_rdn_value()): guid(m["invocationId"][0])
                             for m in known},
             "generation": guid(kept) if kept else None,
             "usn": int(db.sequence_number(ldb.SEQ_HIGHEST_SEQ))}
    if "rIDSetReferences" in computer:
        pool = entry(db, str(computer["rIDSetReferences"][0]), "rIDAllocationPool",
                     "rIDPreviousAllocationPool", "rIDNextRID")
        facts["pool"] = ranges(pool, "rIDAllocationPool")
        facts["next"] = int(str(pool.get("rIDNextRID", idx=0) or 0))
    return facts


def objects(db):
    """Those right below CN=Users, by name."""
    found = {}
    for m in db.search(f"CN=Users,{db.domain_dn()}", ldb.SCOPE_ONELEVEL,
                       attrs=["cn", "objectSid", "replPropertyMetaData"]):
        sid = m.get("objectSid", idx=0)
        found[str(m["cn"][0])] = {"rid": ndr_unpack(security.dom_sid, sid).split()[1]
                                  if sid else None,
                                  "created": stamp(db, m, "objectClass")}
    return found


def main():
    lp = LoadParm()
    lp.load(sys.argv[1])
    db = SamDB(url=lp.private_path("sam.ldb"), session_info=system_session(), lp=lp)
    manager = entry(db, f"CN=RID Manager$,CN=System,{db.domain_dn()}", "rIDAvailablePool",
                    "fSMORoleOwner")
    json.dump({**identity(db), "objects": objects(db),
               "available": ranges(manager, "rIDAvailablePool"),
               "available written": stamp(db, manager, "rIDAvailablePool"),
               "master": str(manager["fSMORoleOwner"][0]).lower() ==
               str(db.get_dsServiceName()).lower()}, sys.stdout)


if __name__ == "__main__":
    main()
