#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Makes many users in the files of a domain controller whose servers are down, and which is the RID
master: copies of one that Samba has made, past its modules and its index, which would take some
hundred times as long.

usage: users.py SMB_CONF PREFIX NUMBER
"""

import struct
import sys
import uuid

import ldb
import samba
import tdb
from samba import dsdb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

POOL_SIZE = 500
READ_WRITE = 2
# As partition_metadata.c has it.
SEQUENCE = b"SEQ_NUM"


class Template:
    """A user, and where the numbers of the others begin."""

    def __init__(self, db, name):
        self.users = f"CN=Users,{db.domain_dn()}"
        db.add({"dn": f"CN={name},{self.users}", "objectClass": "user", "sAMAccountName": name})
        self.usn = db.sequence_number(ldb.SEQ_HIGHEST_SEQ)

    def read(self, plain, name):
        self.message = plain.search(f"CN={name},{self.users}", ldb.SCOPE_BASE)[0]
        sid = ndr_unpack(security.dom_sid, bytes(self.message["objectSid"][0]))
        self.domain = sid.split()[0]

    def copy(self, plain, name, number):
        usn = self.usn + number
        stamps, old = bytes(self.message["replPropertyMetaData"][0]), self.message["uSNCreated"][0]
        other = {"cn": name, "name": name, "sAMAccountName": name,
                 "objectGUID": uuid.uuid4().bytes_le,
                 "objectSid": ndr_pack(security.dom_sid(f"{self.domain}-{self.rid + number}")),
                 "uSNCreated": str(usn), "uSNChanged": str(usn), "replPropertyMetaData":
                 stamps.replace(struct.pack("<Q", int(str(old))), struct.pack("<Q", usn))}
        message = ldb.Message(ldb.Dn(plain, f"CN={name},{self.users}"))
        for attribute in self.message:
            if attribute not in ("dn", "distinguishedName"):
                values = [other[attribute]] if attribute in other else \
                    [bytes(value) for value in self.message[attribute]]
                message[attribute] = ldb.MessageElement(values, ldb.FLAG_MOD_ADD, attribute)
        return message


def replace(db, dn, **values):
    message = ldb.Message(ldb.Dn(db, dn))
    for name, value in values.items():
        message[name] = ldb.MessageElement(str(value), ldb.FLAG_MOD_REPLACE, name)
    db.modify(message)


def take_rids(db, number):
    """As if pools for so many had been given to this controller one by one, and used: the first."""
    manager = f"CN=RID Manager$,CN=System,{db.domain_dn()}"
    available = int(str(db.search(manager, ldb.SCOPE_BASE, attrs=["rIDAvailablePool"])[0]
                        ["rIDAvailablePool"][0]))
    first = available & 0xffffffff
    end = first + number
    pool = end + POOL_SIZE - 1 << 32 | end
    reference = db.search(db.get_serverName(), ldb.SCOPE_BASE, attrs=["serverReference"])[0]
    own = f"CN=RID Set,{reference['serverReference'][0]}"
    replace(db, own, rIDAllocationPool=pool, rIDPreviousAllocationPool=pool, rIDNextRID=end)
    replace(db, manager, rIDAvailablePool=available >> 32 << 32 | end + POOL_SIZE)
    return first


def fill(db, directory, template, prefix, number):
    """The partition alone, as plain records."""
    plain = samba.Ldb(f"{directory}/{template.users.split(',', 1)[1].upper()}.ldb", lp=db.lp,
                      flags=ldb.FLG_DONT_CREATE_DB, options=["modules:"])
    template.read(plain, f"{prefix}0")
    plain.transaction_start()
    # With it, each record costs as much as there are.
    index = plain.search("@INDEXLIST", ldb.SCOPE_BASE)[0]
    plain.delete("@INDEXLIST")
    for i in range(1, number):
        plain.add(template.copy(plain, f"{prefix}{i}", i))
    # Samba orders it by the schema.
    dsdb._dsdb_set_schema_from_ldb(plain, db, False)
    plain.add(index)
    plain.transaction_commit()


def count_on(directory, usn):
    metadata = tdb.Tdb(f"{directory}/metadata.tdb", 0, tdb.DEFAULT, READ_WRITE)
    metadata.store(SEQUENCE, str(usn).encode(), tdb.REPLACE)
    metadata.close()


def open_database(lp):
    return SamDB(url=lp.private_path("sam.ldb"), session_info=system_session(), lp=lp)


def begin(lp, prefix, number):
    db = open_database(lp)
    template = Template(db, f"{prefix}0")
    template.rid = take_rids(db, number)
    template.usn = db.sequence_number(ldb.SEQ_HIGHEST_SEQ)
    return template


def main(configuration, prefix, number):
    lp = LoadParm()
    lp.load(configuration)
    directory = lp.private_path("sam.ldb.d")
    template = begin(lp, prefix, int(number))
    fill(open_database(lp), directory, template, prefix, int(number))
    count_on(directory, template.usn + int(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
