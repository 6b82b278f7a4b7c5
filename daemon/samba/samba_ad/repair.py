# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The repair of the database: a new identity, other RIDs, and then the record that it was done.

Nobody else may have the database open. The order matters: a crash at any point leaves either
the old state or one from which the same repair, done once more, gives a good one."""

import secrets
import uuid

import ldb
from samba.dcerpc import misc
from samba.ndr import ndr_pack

from samba_ad import copies, log, rids, roles
from samba_ad.controller import message
from samba_ad.ends import Failure, Refusal
from samba_ad.generation import short
from samba_ad.state import POOL_SIZE, Expected

POOLS = ("rIDAllocationPool", "rIDPreviousAllocationPool", "rIDNextRID")
# So that a version grows by the second: the DC may have counted in the lost time as well.
YEAR_2000 = 946_684_800
MOST_VERSION = 0xFFFFFFFF


def plan(dc, pools):
    """What would be done, a sentence each. pools: see lost_time.py."""
    steps = [f"give {dc.name} a new invocationId in the place of {dc.invocation_id()}"]
    if dc.rid_set_dn():
        steps.append("discard the RID pools that it holds")
    if not dc.writable_partners():
        if dc.is_rid_master:
            steps.append(f"leave out {pools} to {2 * pools} pools of {POOL_SIZE} RIDs from "
                         f"{dc.rid_pool()[0]} on, because this is the RID master")
    elif names := roles.own(dc):
        steps.append(f"hold back its roles ({', '.join(names)})")
    if copies.of_bind(dc):
        steps.append("give the copy of BIND the same invocationId")
    steps.append("record the generation ID")
    return steps


def modify(dc, dn, attributes):
    """Values are bytes or text; a pair of them is the old and the new one, compared first."""
    msg = ldb.Message(dn)
    for name, value in attributes.items():
        if isinstance(value, tuple):
            msg[f"0{name}"] = ldb.MessageElement(value[0], ldb.FLAG_MOD_DELETE, name)
            msg[f"1{name}"] = ldb.MessageElement(value[1], ldb.FLAG_MOD_ADD, name)
        else:
            msg[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    dc.samdb.modify(msg)


def lift(dc, dn, attribute, now):
    """Replication keeps the higher version of an attribute, and in the lost time the DC may have
    raised this one further than we did."""
    filtered = ldb.binary_encode(str(dn))
    version = dc.samdb.get_attribute_replmetadata_version(filtered, attribute)
    if version is None:
        raise Refusal(f"{dc.path}: {dn} has no {attribute} that replication knows; samba-tool "
                      "dbcheck tells more")
    # The change before this has counted it on, and after the last one there is it is 0.
    if version in (0, MOST_VERSION):
        raise Refusal(f"{dc.path}: the version of {attribute} of {dn} cannot grow any more: remove "
                      f"{dc.name} on another domain controller, and join it again")
    version = max(version + 1, int(now) - YEAR_2000)
    dc.samdb.set_attribute_replmetadata_version(filtered, attribute, version)


def change_identity(dc, invocation_id, now):
    # In memory first, or the change itself is stamped with the old ID and a number that the
    # partners have seen, and they never learn of it.
    dc.samdb.set_invocation_id(invocation_id)
    modify(dc, dc.ntds_dn, {"invocationId": ndr_pack(misc.GUID(invocation_id))})
    lift(dc, dc.ntds_dn, "invocationId", now)


def discard_pools(dc, now):
    rid_set = dc.rid_set_dn()
    if rid_set:
        # This is how Samba writes that there is none yet.
        modify(dc, rid_set, dict.fromkeys(POOLS, "0"))
        # The only one of them that is replicated: the RID master writes it. What that grants is
        # dropped until it has heard of this version, so a pool or a few of them are lost.
        lift(dc, rid_set, POOLS[0], now)


def leave_out(dc, count):
    first, last = dc.rid_pool()
    if first + count + POOL_SIZE > last:
        raise Refusal(f"only {last - first} RIDs are left in the domain, too few to leave out "
                      f"{count}")
    modify(dc, dc.rid_manager_dn, {"rIDAvailablePool": (str(last << 32 | first),
                                                        str(last << 32 | first + count))})


def raise_available(dc, now, used, pools):
    """used: as rids.used() has found before the transaction, because that takes its time. What was
    given out in the lost time nobody knows; that it is random keeps two copies apart of which
    nobody knows either, and by single RIDs also where there are few pools."""
    count = pools * POOL_SIZE
    leave_out(dc, rids.taken(dc, used) + count + secrets.randbelow(count + 1))
    # Takes a pool at once, so that the RID Set is never seen without one.
    if dc.rid_set_dn():
        dc.samdb.allocate_rid()
    lift(dc, dc.rid_manager_dn, "rIDAvailablePool", now)


def leave_out_taken(dc, now, used):
    if count := rids.taken(dc, used):
        leave_out(dc, count)
        lift(dc, dc.rid_manager_dn, "rIDAvailablePool", now)


def transaction(dc, work, *arguments):
    try:
        dc.samdb.transaction_start()
        try:
            work(dc, *arguments)
        except BaseException:
            dc.samdb.transaction_cancel()
            raise
        dc.samdb.transaction_commit()
    except (ldb.LdbError, RuntimeError) as e:
        log.say("the database is as it was before")
        raise Refusal(f"{dc.path} cannot be written ({message(e)}); samba-tool dbcheck tells "
                      "more") from None


def new_identity(dc, invocation_id, now, used, pools):
    change_identity(dc, invocation_id, now)
    discard_pools(dc, now)
    if dc.writable_partners():
        roles.hold_back(dc)
    elif dc.is_rid_master:
        raise_available(dc, now, used, pools)


def use_roles(dc, names, now, used, pools):
    """pools: None if they are left out already."""
    roles.give_back(dc, names)
    if not dc.is_rid_master:
        return
    if pools is not None:
        # Replication may have given it the role back before, and then it gave itself a pool.
        discard_pools(dc, now)
        raise_available(dc, now, used, pools)
    else:
        leave_out_taken(dc, now, used)


def catch_up(dc, state, known):
    """After the partners have told what was lost: which RIDs were given, also by repairs that it
    does not remember, and, if that is known, who has which role. Samba may run."""
    expected = state.expected()
    renew = bool(expected) and expected.rid_pool is None
    names = roles.held(dc) if known else []
    before, used = dc.rid_pool()[0], rids.used(dc)
    if not names and not (dc.is_rid_master and (renew or rids.taken(dc, used))):
        return
    transaction(dc, use_roles, names, dc.now(), used, expected.pools if renew else None)
    if names:
        log.say(f"{dc.name} uses its roles again: {', '.join(names)}")
    if not dc.is_rid_master:
        return
    first = dc.rid_pool()[0]
    log.event(log.RID_POOL_INVALIDATED, f"the next RIDs that are given out begin at {first} "
              f"instead of {before}")
    if renew:
        state.expect(expected._replace(rid_pool=first))


def record(dc, generation):
    """Writes the ID that everything above is good for: last, and on its own."""
    transaction(dc, modify, dc.computer_dn, {"msDS-GenerationId": generation.bytes})
    log.event(log.GENERATION_WRITTEN, f"msDS-GenerationId of {dc.computer_dn} was set (hash "
              f"{short(generation.bytes)})")


def apply(dc, generation, state, pools, refresh):
    """generation: None if there is no ID to record. refresh: gives copies the new identity. Returns
    what kept that from it, which the next start tries again without another identity."""
    old, usn, now = dc.invocation_id(), dc.usn(), dc.now()
    new = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    log.event(log.ACTIONS, "; ".join(plan(dc, pools)))
    used = None if dc.writable_partners() else rids.used(dc)
    state.add_repair(pools)
    transaction(dc, new_identity, new, now, used, pools)
    log.event(log.INVOCATION_ID_CHANGED, f"invocationId of {dc.name} changed from {old} to {new} "
              f"at update sequence number {usn}")
    first = dc.rid_pool()[0] if dc.is_rid_master else None
    log.event(log.RID_POOL_INVALIDATED, "the RID pools were discarded" +
              (f", and the next that is given out begins at {first}" if first else ""))
    state.expect(Expected(dc.guid, new, first, 0, pools))
    failure = None
    try:
        refresh()
    except (Failure, OSError) as e:
        failure = e
    if generation:
        record(dc, generation)
    return failure
