#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Passwords of a domain controller, in its files, whether its servers run or not.

change: gives its own account another one, in the directory and in its secrets, as Samba's
script chgtdcpass does. krbtgt: gives another one to the account whose key all tickets have. show:
prints as JSON a hash of that key, and whether the secrets and the directory have the same password.
"""

import hashlib
import json
import sys
import types

import ldb
from samba import Ldb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dcerpc import security
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.upgradehelpers import update_machine_account_password


class Files:
    def __init__(self, configuration):
        self.lp = LoadParm()
        self.lp.load(configuration)
        session = system_session()
        self.samdb = SamDB(url=self.lp.private_path("sam.ldb"), session_info=session, lp=self.lp)
        self.secrets = Ldb(self.lp.private_path("secrets.ldb"), session_info=session, lp=self.lp)
        self.account = f"{self.lp.get('netbios name').upper()}$"

    def entry(self, account):
        return self.samdb.search(self.samdb.get_default_basedn(), ldb.SCOPE_SUBTREE,
                                 f"(sAMAccountName={account})",
                                 attrs=["unicodePwd"])[0]

    def change(self):
        update_machine_account_password(self.samdb, self.secrets, types.SimpleNamespace(
            netbiosname=self.account[:-1], domain=self.lp.get("workgroup"),
            realm=self.lp.get("realm"), dnsdomain=self.lp.get("realm").lower(),
            domainsid=security.dom_sid(self.samdb.get_domain_sid())))

    def krbtgt(self):
        m = ldb.Message(self.entry("krbtgt").dn)
        m["p"] = ldb.MessageElement("Another.Key.1".encode("utf-16-le"), ldb.FLAG_MOD_REPLACE,
                                    "clearTextPassword")
        self.samdb.modify(m)

    def key(self, account):
        return bytes(self.entry(account)["unicodePwd"][0])

    def show(self):
        """Samba takes what is newer of the two files of secrets, so does this."""
        credentials = Credentials()
        credentials.guess(self.lp)
        credentials.set_machine_account(self.lp)
        json.dump({"key": hashlib.sha256(self.key("krbtgt")).hexdigest(),
                   "same": bytes(credentials.get_nt_hash()) == self.key(self.account)}, sys.stdout)


if __name__ == "__main__":
    getattr(Files(sys.argv[2]), sys.argv[1])()
