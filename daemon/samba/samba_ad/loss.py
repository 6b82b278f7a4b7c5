# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What of a repair replication has undone: the partners remember what the lost time has, and
some of that may count as newer."""


def find(dc, expected):
    """What is not as the repair has left it, or None."""
    invocation_id, first = expected.invocation_id, expected.rid_pool
    if dc.invocation_id() != invocation_id:
        return (f"{dc.name} has the invocationId {dc.invocation_id()} instead of the new one, "
                f"{invocation_id}: replication brought it back, so the repair is repeated")
    if first and dc.is_rid_master and dc.rid_pool()[0] < first:
        return (f"the RIDs from {dc.rid_pool()[0]} on are available again, although those from "
                f"{first} on were the first: replication brought that back, so the repair is "
                "repeated")
    if twice := given_twice(dc):
        return (f"{dc.name} would give the RID {twice} to a new object, but it is taken: "
                "replication brought a lost pool back, so the repair is repeated")
    return None


def given_twice(dc):
    """A RID that this controller holds unused, and an object or another controller has, or None."""
    # First what is taken: of those that are given meanwhile, none is unused later.
    taken, others = dc.rids(), dc.pools(False)
    for first, last in dc.unused():
        found = [rid for rid in taken if first <= rid <= last]
        found += [max(first, f) for f, l in others if max(first, f) <= min(last, l)]
        if found:
            return min(found)
    return None
