# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The RIDs that are in use, against those that count as available: what a controller that goes back
has once told the domain is known elsewhere only."""

from samba_ad import roles
from samba_ad.state import POOL_SIZE


def used(dc):
    """The highest RID of an object. Looks at all of them, for seconds where there are many, so not
    in a transaction: the RIDs of what is made meanwhile are out of a pool that taken() sees."""
    last = dc.rid_pool()[1]
    return max((rid for rid in dc.rids() if rid <= last), default=0)


def taken(dc, highest):
    """How many of the RIDs that count as available are not, by what this controller knows: whole
    pools. highest: from used()."""
    first, last = dc.rid_pool()
    ends = [end for own in (True, False) for _, end in dc.pools(own)]
    end = max(rid for rid in [first - 1, highest, *ends] if rid <= last)
    return POOL_SIZE * -(-(end + 1 - first) // POOL_SIZE)


def tell(p, dc):
    """Only the RID master can leave them out. Returns whether it has to."""
    first = dc.rid_pool()[0]
    count = 0 if dc.is_rid_master or "rid" in roles.held(dc) else taken(dc, used(dc))
    if not count:
        p.notices.clear("rids")
        return False
    master = roles.owner(dc, dc.rid_manager_dn).parent().get_component_value(0)
    p.notices.set("rids", f"RIDs up to {first + count - 1} are in use or given out, but the RID "
                  f"master, {master}, counts those from {first} on as available; on {master}: "
                  "vmgend-samba-ad verify")
    return True
