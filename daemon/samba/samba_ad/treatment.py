# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The decision whether there is something to repair, and what follows from it."""

from samba_ad import (copies, decision, ends, gone, holders, locks, log, loss, lost_time,
                      options as command_line, origin, partners, repair, roles, sysvol, trusts,
                      units)
from samba_ad.log import say
from samba_ad.state import MOST_POOLS, Expected

# What is told of a repair until its check has ended.
OF_REPAIR = ("partners", "roles", "password", "island")


def treat(p, take_down):
    """Decides, and adopts or repairs."""
    dc = open_controller(p)
    current, waived = p.read_id()
    changed = p.change_noted(dc)
    if waived and p.options.force and not p.options.dry_run:
        p.state.waive()
    if waived and not changed:
        say("nothing tells whether this machine was rolled back: Samba starts without a "
            "decision, until the next boot")
        note_undecided(p)
        return
    gone_text = None if waived else gone.note(p, dc, current)
    if not current and not changed:
        without_id(p, dc, gone_text, take_down)
        return
    if current and not changed and p.unrecorded_change(dc, current):
        changed = True
        if not p.options.dry_run:
            p.state.note_change()
    said = p.rolled_back(dc)
    if not current and not said and not p.options.force:
        decision.refuse_without_id()
    verdict = decision.verdict(p, dc, current, changed, said)
    decision.tell(dc, current, verdict)
    if not verdict.due:
        if p.options.force:
            say(f"nothing was refused that --force could allow; {put_back(p)}")
        settle(p, dc, current, verdict, take_down)
        return
    repair_due(p, dc, current, verdict, take_down)


def open_controller(p):
    try:
        dc = p.controller()
        decision.require_writable(dc)
        p.note_start()
        return dc
    except ends.NotApplicable:
        p.forget_change()
        raise


def put_back(p):
    return ("if the database was put back by other means, as with a snapshot of the storage or a "
            f"copy of its files: {command_line.by_hand(p.options, 'repair', '--rolled-back')}")


def without_id(p, dc, gone_text, take_down):
    """Neither an ID nor anybody tells whether it was rolled back."""
    why = "this machine has no generation ID: nothing tells whether it was rolled back"
    if gone_text:
        log.event(log.NO_GENERATION, gone_text)
    settle(p, dc, None, decision.Verdict.NOTHING, take_down)
    if dc.generation_id():
        note_undecided(p)
    if not p.options.force:
        raise ends.NotApplicable(why)
    say(f"{why}; {put_back(p)}")
    gone.accept(p, dc)


def note_undecided(p):
    """What Samba writes from now on hides how old the rest is."""
    if p.options.dry_run:
        return
    try:
        p.state.note_undecided()
    except (ends.Failure, OSError) as e:
        # Where nothing is due Samba starts anyway.
        say(f"that cannot be noted: {e}")


def repair_due(p, dc, current, verdict, take_down):
    # What is on record about an ID was told of the change to it, which is past where the ID is
    # the one in the database.
    changed_to = current if verdict == decision.Verdict.REPAIR else None
    hint, intent = origin.told(changed_to, p.options)
    decision.announce(dc, current, verdict, hint, intent)
    mark_sysvol(p, dc)
    trusts.tell(dc)
    if not p.options.force:
        decision.permit(p, dc, hint, intent)
    # What an administrator says may be about any time before.
    pools = lost_pools(p, dc, None if p.rolled_back(dc) else changed_to)
    if p.options.dry_run:
        for step in repair.plan(dc, pools):
            say(f"would {step}")
        return
    p.state.require_writable()
    if p.options.rolled_back:
        # Before anything is done: a crash must not lose it.
        p.state.say_rolled_back(dc.guid)
    perform(p, current, take_down, pools)
    look_again(p, current, take_down)


def lost_pools(p, dc, changed_to):
    """Those that an earlier repair had not got as far as leaving out are left to this one."""
    pools = lost_time.pools(p, dc, changed_to)
    if not unfinished(p, dc):
        return pools
    expected = p.state.expected()
    if not expected or expected.invocation_id != dc.invocation_id():
        return MOST_POOLS
    return pools if expected.rid_pool else max(pools, expected.pools)


def mark_sysvol(p, dc):
    """Also if it is not repaired: the script that copies it to others waits for nobody."""
    try:
        sysvol.mark(p, dc)
    except OSError as e:
        p.state.take_unwritable(e, f"{e.filename}: {e.strerror}")
    except ends.Failure as e:
        p.state.take_unwritable(e, str(e))


def look_again(p, current, take_down):
    """Of a machine that was restored in the middle of it, others may go on with the identity that
    was just made."""
    if not current:
        return
    now = p.read_id()[0]
    if now and now.bytes == current.bytes:
        return
    # What a hook was told is about the first change; there is another run for the second.
    if p.event:
        raise ends.Superseded(p.state.taken_down())
    say("the generation ID has changed again during the repair")
    treat(p, take_down)


def perform(p, current, take_down, pools):
    """pools: see lost_time.py."""
    take_down()
    # Opened again: what Samba wrote until now is part of what has to be repaired.
    dc = p.controller()
    holders.require_none(dc.path, copies.files(dc))
    # Before, because nothing tells of it any more when the repair is on record; and what an
    # earlier repair was not done with is left to this one.
    running = (p.change_noted(dc) or p.options.unit in p.state.taken_down() or
               current and origin.while_running(current, p.options))
    before = p.state.partners()
    progress = partners.Progress(bool(running or before.get("full")),
                                 limits=before.get("limits", {}))
    p.state.set_partners(progress.words())
    p.state.forget_island()
    failure = repair.apply(dc, current, p.state, pools, lambda: copies.refresh(p, dc))
    # What follows only tells of it.
    p.forget_change()
    partners.show(p, dc, progress)
    roles.tell(p, dc)
    p.arm_check(units.CHECK_FIRST)
    copies.tell(p, dc)
    if failure:
        raise failure


def settle(p, dc, current, verdict, take_down):
    # A reboot soon after a repair, before it was checked.
    found = lost(p, dc)
    if found and not p.options.dry_run:
        p.state.require_writable()
        perform(p, current, take_down, MOST_POOLS)
        return
    copies.settle(p, dc)
    if p.options.dry_run:
        return
    copies.tell(p, dc)
    if verdict.adopts:
        if verdict == decision.Verdict.HARMLESS:
            p.state.adopt_harmless(current.hash)
        locks.wait(dc.path, locks.TRANSACTION)
        repair.record(dc, current)
    p.forget_change()
    if p.state.expected() or expect_again(p, dc) or p.notices.has("rids"):
        p.arm_check(units.CHECK_FIRST)


def unfinished(p, dc):
    """Whether the check of a repair has not ended, also where what was noted of it is lost."""
    return p.state.unfinished() or p.notices.has("partners") or bool(roles.held(dc))


def expect_again(p, dc):
    """The Expected of such a repair, or None."""
    if not unfinished(p, dc):
        return None
    say("what was noted of the last repair is lost, so all of the check is done")
    expected = Expected(dc.guid, dc.invocation_id(), None, 0, MOST_POOLS)
    try:
        p.state.set_partners(partners.Progress(True).words())
        p.state.expect(expected)
    except (ends.Failure, OSError) as e:
        # Where nothing is due Samba starts anyway.
        say(f"that cannot be noted: {e}")
    return expected


def lost(p, dc):
    """Whether a repair that was not found to have lasted yet has to be repeated."""
    expected = p.state.expected()
    if not expected:
        return False
    if expected.ntds != dc.guid:
        say(f"{dc.name} was joined again since the last repair")
        if not p.options.dry_run:
            p.state.forget_partners()
            p.state.forget_expected()
            for name in OF_REPAIR:
                p.notices.clear(name)
        return False
    found = loss.find(dc, expected)
    if found:
        say(found)
        if not p.options.force:
            decision.refuse_many(p.state)
    return found is not None
