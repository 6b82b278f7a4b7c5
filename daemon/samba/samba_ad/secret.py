# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The password of the controller's own account. It goes back with the disk, and if it was changed
in the lost time the partners know the newer one: then nothing replicates, in either direction."""

from samba_ad import partners

# How Samba says so: of replication, and of a connection.
REFUSED = ("LOGON_FAILURE", "attempted logon is invalid")


def note(p, dc, why):
    """why: {guid of a partner: what taking everything from it ended with}"""
    names = {partner.guid: partner.name for partner in partners.find(dc)}
    refusing = sorted(names.get(guid, guid) for guid, text in why.items()
                      if any(words in text for words in REFUSED))
    if not refusing:
        p.notices.clear("password")
        return
    p.notices.set("password", f"{', '.join(refusing)}: the password of {dc.name}$ is refused. If "
                  "it was changed after the snapshot nothing replicates: set it again, see "
                  "PASSWORDS in vmgend-samba-ad(8)")
