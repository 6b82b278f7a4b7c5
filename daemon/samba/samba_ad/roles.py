# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The roles of which a domain has one owner each (FSMO). In the lost time one may have moved to a
partner, so those that a rolled back controller believes to have are held back until a partner was
heard: Windows uses a role no earlier than that either (event 2092).

What is held back belongs to a partner, in this database only. That it is held back is told by the
date of fSMORoleOwner in replPropertyMetaData, which is put 300 years back; all else of its stamp
stays. So that is written, kept, rolled back and undone together with the data, and no file of ours
can be lost. A partner that knows the stamp is not sent the value, and as the older one it loses
against his where it is sent anyway (a full synchronization). One that does not know it,
because he was rolled back as well or was away when the role moved, takes the value. So what is
given back gets a stamp of its own, which he and all others take, and if two give back the same
role, the later one has it. What was written in the lost time or by an administrator has a higher
version, and wins."""

import ldb
from samba.dcerpc import drsblobs, misc
from samba.ndr import ndr_pack, ndr_unpack

from samba_ad import log
from samba_ad.ends import Refusal
from samba_ad.options import by_hand

ATTRIBUTE = "fSMORoleOwner"
# DSDB_CONTROL_CHANGEREPLMETADATA_OID of Samba.
CHANGE_METADATA = ["local_oid:1.3.6.1.4.1.7165.4.3.14:0"]
# 300 years, in the 100 ns since 1601 that a stamp counts. No clock shows less than 1970.
SECOND = 10_000_000
BACK = 300 * 365 * 86_400 * SECOND
YEAR_1970 = 11_644_473_600 * SECOND


def objects(dc):
    """{name as samba-tool fsmo has it: DN of the object that has the owner}"""
    config, domain = dc.samdb.get_config_basedn(), dc.samdb.get_default_basedn()
    found = {"schema": dc.samdb.get_schema_basedn(), "naming": dc.dn(f"CN=Partitions,{config}"),
             "pdc": domain, "rid": dc.rid_manager_dn}
    found |= {infrastructure(r.dn.parent(), domain): r.dn
              for r in dc.search(dc.dn(""), ["cn"], ldb.SCOPE_SUBTREE,
                                 f"(&(objectClass=infrastructureUpdate)({ATTRIBUTE}=*))",
                                 ["search_options:1:2"])}
    return found


def infrastructure(context, domain):
    """DC=DomainDnsZones and DC=ForestDnsZones have one of their own."""
    name = str(context.get_component_value(0)).lower()
    return "infrastructure" if context == domain else name.removesuffix("zones")


def owner(dc, dn):
    return dc.dn(dc.value(dn, ATTRIBUTE))


def own(dc):
    """Names of the roles that this controller has, by its database."""
    return [name for name, dn in objects(dc).items() if owner(dc, dn) == dc.ntds_dn]


def held(dc):
    return [name for name, dn in objects(dc).items() if is_held(metadata(dc, dn)[1])]


def is_held(stamp):
    return stamp.originating_change_time < YEAR_1970


def metadata(dc, dn):
    """(replPropertyMetaData, the stamp of fSMORoleOwner in it)"""
    blob = ndr_unpack(drsblobs.replPropertyMetaDataBlob,
                      bytes(dc.value(dn, "replPropertyMetaData")))
    wanted = dc.samdb.get_attid_from_lDAPDisplayName(ATTRIBUTE)
    for stamp in blob.ctr.array:
        # Those above 2^31 come with another sign.
        if (stamp.attid ^ wanted) & 0xFFFFFFFF == 0:
            return blob, stamp
    raise Refusal(f"{dc.path}: {dn} has no {ATTRIBUTE} that replication knows; samba-tool dbcheck "
                  "tells more")


def assign(dc, dn, ntds, change):
    """Gives a role to a controller; change: what becomes of the stamp. In a transaction of the
    caller's."""
    blob, stamp = metadata(dc, dn)
    write(dc, dn, ATTRIBUTE, str(ntds))
    # That the object changed is seen here, also by a partner who asks for changes; what he has of
    # them he tells by originating_usn.
    stamp.local_usn = dc.samdb.sequence_number(ldb.SEQ_NEXT)
    change(dc, stamp)
    write(dc, dn, "replPropertyMetaData", ndr_pack(blob), CHANGE_METADATA)


def set_back(_dc, stamp):
    # What a partner holds back may have come here with its date.
    if not is_held(stamp):
        stamp.originating_change_time -= BACK


def renew(dc, stamp):
    """Of the same version, so that what somebody has moved meanwhile still wins."""
    now = int(dc.now()) * SECOND + YEAR_1970
    stamp.originating_change_time = max(stamp.originating_change_time + BACK + SECOND, now)
    stamp.originating_invocation_id = misc.GUID(dc.invocation_id())
    stamp.originating_usn = stamp.local_usn


def write(dc, dn, attribute, value, controls=None):
    msg = ldb.Message(dn)
    msg[attribute] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, attribute)
    dc.samdb.modify(msg, controls)


def hold_back(dc):
    """In a transaction of the caller's, as all of it. What is held back already stays so."""
    known, partner = objects(dc), min(dc.writable_partners(), key=str)
    for name in own(dc):
        assign(dc, known[name], partner, set_back)


def give_back(dc, names):
    """Unless one has got another owner meanwhile, which has a date of its own."""
    known = objects(dc)
    for name in names:
        if is_held(metadata(dc, known[name])[1]):
            assign(dc, known[name], dc.ntds_dn, renew)


def tell(p, dc):
    names = held(dc)
    if not names:
        p.notices.clear("roles")
        return
    text = (f"{dc.name} does not use its roles ({', '.join(names)}) until it has taken everything "
            "from one other domain controller, and from each that answers: they may have moved")
    log.event(log.ROLES_HELD_BACK, text)
    p.notices.set("roles", f"{text}; if the others are gone for good: "
                  f"{by_hand(p.options, '--force', 'verify')}")
