# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Trusts with other domains: each has a password on both sides, which changes by itself. The one of
this side goes back; partners in the domain have the present one and replicate it."""

import ldb

from samba_ad import sysvol
from samba_ad.log import say


def names(dc):
    found = dc.search(dc.samdb.get_default_basedn(), ["trustPartner"], ldb.SCOPE_SUBTREE,
                      "(objectClass=trustedDomain)")
    return sorted(str(r["trustPartner"][0]) for r in found if "trustPartner" in r)


def tell(dc):
    if sysvol.replicas(dc):
        return
    for name in names(dc):
        say(f"the password of the trust with {ascii(name)} is as old as the snapshot, and nobody "
            "else in this domain has a newer one; if users from there are refused (samba-tool "
            "domain trust validate tells), remove the trust on both sides and create it again "
            "(not tried)")
