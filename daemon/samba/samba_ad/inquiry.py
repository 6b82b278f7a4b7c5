# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Asks a partner what it knows of this controller. A program of its own, as pull.py: island.py runs
it.

Whose account a partner has not, he lets in nobody by a password. But this controller has a KDC of
its own, with the key that the partner had at the time of the snapshot: with a ticket from there
both know each other, so what is read then is no stranger's word."""

import os
import signal
import sys
import tempfile

# What the exit status says. NO_ACCOUNT and ACCOUNT were asked without any proof.
KNOWN, FAILED, REMOVED, NO_ACCOUNT, ACCOUNT = 0, 1, 3, 4, 5
SECONDS = 30
KERBEROS = """[libdefaults]
default_realm = {realm}
dns_lookup_kdc = false
[realms]
{realm} = {{
 kdc = {address}
}}
"""
# LOGON_SAM_LOGON_RESPONSE_EX and LOGON_SAM_USER_UNKNOWN_EX of [MS-ADTS] 6.3.1.3, for the account
# of a server (ACB_SVRTRUST).
PING = r"(&(DnsDomain={domain})(User={account})(AAC=\00\01\00\00)(NtVer=\06\00\00\00))"
ANSWERS = {23: ACCOUNT, 25: NO_ACCOUNT}


def by_ticket(lp, host, guid, directory):
    import samba
    from samba.credentials import Credentials, MUST_USE_KERBEROS
    path = os.path.join(directory, "krb5.conf")
    with open(path, "w", encoding="ascii") as f:
        f.write(KERBEROS.format(realm=lp.get("realm").upper(),
                                address=samba.interface_ips(lp, False)[0]))
    os.environ.update(KRB5_CONFIG=path, KRB5CCNAME="MEMORY:vmgend-samba-ad")
    creds = Credentials()
    creds.set_conf(lp)
    creds.set_kerberos_state(MUST_USE_KERBEROS)
    creds.set_machine_account(lp)
    return is_deleted(lp, creds, host, guid)


def is_deleted(lp, creds, host, guid):
    """REMOVED only of an object that is there and deleted: one that is not may be to come."""
    import ldb
    from samba.samdb import SamDB
    db = SamDB(url=f"ldap://{host}", credentials=creds, lp=lp)
    found = db.search(f"<GUID={guid}>", ldb.SCOPE_BASE, attrs=["isDeleted"],
                      controls=["show_recycled:1"])
    deleted = [str(r.get("isDeleted", "FALSE")).upper() for r in found]
    return REMOVED if deleted == ["TRUE"] else KNOWN


def anonymously(lp, host, account):
    import ldb
    db = ldb.Ldb(f"ldap://{host}")
    expression = PING.format(domain=ldb.binary_encode(lp.get("realm").lower()),
                             account=ldb.binary_encode(account))
    found = db.search("", ldb.SCOPE_BASE, expression, ["netlogon"])
    answer = bytes(found[0]["netlogon"][0])
    return ANSWERS.get(int.from_bytes(answer[:2], "little"), FAILED)


def ask(configfile, host, guid, account):
    from samba.param import LoadParm
    lp = LoadParm()
    if configfile:
        lp.load(configfile)
    else:
        lp.load_default()
    with tempfile.TemporaryDirectory() as directory:
        try:
            return by_ticket(lp, host, guid, directory)
        except Exception as e:  # pylint: disable=broad-except
            # For anything that Samba raises there is another way.
            print(" ".join(str(e).split()))
    return anonymously(lp, host, account)


def main(arguments):
    signal.alarm(SECONDS)
    try:
        return ask(*arguments)
    except Exception as e:  # pylint: disable=broad-except
        print(" ".join(str(e).split()))
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
