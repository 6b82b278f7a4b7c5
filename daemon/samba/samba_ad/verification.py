# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What is done when Samba runs again: hear what the partners know, repair again what that has
undone, use the roles, and have the partners take what is here. No lock is held while a partner is
waited for: it may be doing the same, and waits for us."""

import collections

from samba_ad import (copies, decision, ends, file, generation, island, log, partners, pull, repair,
                      rids, roles, secret, treatment, units)
from samba_ad.log import say
from samba_ad.state import MOST_POOLS

# Each minute for an hour, then each hour.
QUICK_ATTEMPTS = 60

# invocation_id: of the repair; missing: {guid: why} of partners that were not heard; reachable:
# whether one of these answers; refusing: those that answer and give nothing.
Hearing = collections.namedtuple("Hearing", "invocation_id heard missing reachable refusing")


def verify(p):
    if p.options.dry_run:
        would_verify(p)
        return
    with one_at_a_time(p):
        try:
            settle_copies(p)
            done = attempt(p)
        except ends.NoRights:
            raise
        except (ends.Failure, OSError):
            # It may go away, and nobody else would look again.
            again(p)
            raise
        if not done or p.notices.has("rids"):
            again(p)


def would_verify(p):
    dc = p.controller()
    decision.require_writable(dc)
    copies.settle(p, dc)
    if not p.state.expected() and not treatment.unfinished(p, dc):
        raise nothing_to_check()
    if another_change(p, dc) or treatment.lost(p, dc):
        return
    progress, found = partners.Progress(**p.state.partners()), partners.find(dc)
    for partner in progress.unheard(found):
        say(f"would have {dc.name} take everything from {partner.name}")
    for partner in progress.untold(found):
        say(f"would have {partner.name} take everything from {dc.name}")


def nothing_to_check():
    return ends.NotApplicable("no repair was made that could be checked")


def settle_copies(p):
    with p.lock():
        p.require_unfenced()
        dc = p.controller()
        decision.require_writable(dc)
        found = copies.settle(p, dc)
        copies.tell(p, dc)
    if found:
        p.bring_up()


def one_at_a_time(p):
    p.state.make()
    return file.locked(p.state.path("verify-lock"), 0, "this check is under way already")


def again(p):
    expected = p.state.expected()
    if expected and expected.attempts < QUICK_ATTEMPTS:
        p.arm_check(units.CHECK_AFTER)
    elif expected or p.notices.has("rids"):
        p.arm_check(units.CHECK_LATER)


def attempt(p):
    """Returns whether nothing is left to do."""
    with p.lock():
        dc, expected = begin(p)
    if not expected:
        return True
    hearing = hear(p, dc, expected)
    island.require_member(p, dc, hearing.refusing)
    with p.lock():
        dc, repaired = examine(p, hearing)
    if repaired:
        p.bring_up()
        return False
    if not dc:
        return False
    missing = tell(p, dc, expected)
    with p.lock():
        return finish(p, dc, expected, {**hearing.missing, **missing})


def begin(p):
    p.require_unfenced()
    expected = p.state.expected()
    dc = p.controller()
    if not expected and not (expected := treatment.expect_again(p, dc)):
        compare_rids(p, dc)
        raise nothing_to_check()
    p.state.expect(expected._replace(attempts=expected.attempts + 1))
    if another_change(p, dc):
        return dc, None
    return dc, expected


def compare_rids(p, dc):
    """No repair of this controller is needed for the RID master's numbers to be wrong."""
    if another_change(p, dc):
        return
    repair.catch_up(dc, p.state, False)
    if rids.tell(p, dc):
        p.arm_check(units.CHECK_LATER)


def another_change(p, dc):
    current = generation.read(p.options.guid_file)
    if current and dc.generation_id() != current.bytes:
        say("the generation ID has changed again, which is for another repair")
        return True
    return False


# --- Inward ----------------------------------------------------------------------------------

def hear(p, dc, expected):
    """Takes everything from each partner that was not heard since the repair."""
    progress = partners.Progress(**p.state.partners())
    pulls = partners.Pulls(dc, p.options.configfile, progress)
    missing, reachable, refusing = {}, False, []
    tried, failed = set(), set()
    if progress.unheard(partners.find(dc)):
        log.event(log.REPLICATION_STARTED, f"{dc.name} was put back and takes everything from its "
                  f"partners; event {log.REPLICATION_FINISHED} tells when that is done")
    # A partner tells of others that the rolled back data does not have.
    while todo := [q for q in progress.unheard(partners.find(dc)) if q.guid not in tried]:
        tried.update(q.guid for q in todo)
        for partner, status, text in partners.of_all(pulls.hear, todo):
            if status == pull.DONE:
                say(f"{dc.name} has taken everything from {partner.name}")
                progress.hear(partner.guid)
            else:
                say(f"{dc.name} could not take everything from {partner.name}: {text}")
                missing[partner.guid] = text
                failed.add(partner.name)
                reachable = reachable or status != pull.SILENT
                refusing += [partner] if status == pull.FAILED else []
                if status == pull.LATE:
                    progress.lengthen(partner.guid)
            keep(p, expected, progress)
    if missing:
        log.event(log.REPLICATION_FAILED, f"{dc.name} has not taken everything from "
                  f"{', '.join(sorted(failed))}: it is tried again")
    elif tried:
        log.event(log.REPLICATION_FINISHED, f"{dc.name} has taken everything from its partners")
    return Hearing(expected.invocation_id, progress.heard, missing, reachable, refusing)


def keep(p, expected, progress):
    """Unless another repair has begun, for which that does not count."""
    with p.lock():
        now = p.state.expected()
        if now and now.invocation_id == expected.invocation_id:
            p.state.set_partners(progress.words())


# --- What follows from it --------------------------------------------------------------------

def examine(p, hearing):
    """(the controller or None if there is no more to do now, whether it was repaired again)"""
    expected = p.state.expected()
    if not expected or expected.invocation_id != hearing.invocation_id:
        # Another repair was made, and looks after itself.
        return None, False
    dc = p.controller()
    if another_change(p, dc):
        return None, False
    if treatment.lost(p, dc):
        treatment.perform(p, generation.read(p.options.guid_file), p.services.take_down,
                          MOST_POOLS)
        return dc, True
    if not p.state.expected():
        # It is of a controller that was joined again.
        return None, False
    use_roles(p, dc, hearing)
    partners.show(p, dc, partners.Progress(**p.state.partners()), hearing.missing)
    return dc, False


def use_roles(p, dc, hearing):
    """Roles are used when it is known who has them: somebody was heard, and all others are
    silent."""
    known = bool(hearing.heard) and not hearing.reachable
    repair.catch_up(dc, p.state, known or p.options.force or not dc.writable_partners())
    roles.tell(p, dc)
    rids.tell(p, dc)


# --- Outward ---------------------------------------------------------------------------------

def tell(p, dc, expected):
    """Has each partner that was heard take everything; {guid: why} of those that have not."""
    progress = partners.Progress(**p.state.partners())
    pulls = partners.Pulls(dc, p.options.configfile, progress)
    found = partners.find(dc)
    unheard = {q.guid for q in progress.unheard(found)}
    missing = {}
    todo = [q for q in progress.untold(found) if q.guid not in unheard]
    for partner, status, text in partners.of_all(pulls.tell, todo):
        if status == pull.DONE:
            say(f"{partner.name} has taken everything once more from {dc.name}")
            progress.told.add(partner.guid)
        else:
            say(f"{partner.name} could not take everything from {dc.name}: {text}")
            missing[partner.guid] = text
            if status == pull.LATE:
                progress.lengthen(partner.guid)
        keep(p, expected, progress)
    return missing


def finish(p, dc, before, why):
    """why: {guid: text} of partners that failed. Returns as attempt()."""
    expected = p.state.expected()
    if not expected or expected.invocation_id != before.invocation_id:
        return False
    secret.note(p, dc, why)
    if partners.show(p, dc, partners.Progress(**p.state.partners()), why):
        return False
    if differing := copies.tell(p, dc):
        say(f"{dc.name} still has the invocationId {expected.invocation_id}, but not all copies of "
            f"its database have it: {differing}")
    else:
        say(f"the repair has lasted: {dc.name} still has the invocationId "
            f"{expected.invocation_id}")
    p.state.forget_partners()
    p.state.forget_expected()
    return True
