# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Is there something to repair, and may it be done without asking anybody?"""

import enum
import os
import time

from samba_ad import clock, log, options, origin
from samba_ad.ends import Blocked, NotApplicable, Refusal
from samba_ad.generation import short
from samba_ad.state import MOST_POOLS, POOL_SIZE

DAY = 86400
# More than Kerberos forgives, and less than a rollback that matters.
CLOCK_DAYS = 1 / 24
# Of RIDs, that repairs may leave out within a day: six of which nobody knows how much was lost.
MOST_POOLS_A_DAY = 12 * MOST_POOLS
# What it counts for itself it keeps to itself, and what it lost it takes again, because it also
# forgot that it had that. SYSVOL is another matter.
READ_ONLY = ("nobody takes changes from it that could clash, so nothing is repaired; its SYSVOL is "
             "old after a restore, until it is copied again")


class Verdict(enum.Enum):
    NOTHING = "the generation ID is the one on record: nothing to repair"
    ADOPT = "no generation ID is on record: this one is adopted"
    HARMLESS = ("the generation ID is another one than that on record, but vmgend knows that this "
                "is no rollback: it is adopted")
    REPAIR = "the generation ID is another one than that on record: a repair is due"
    SAID = "an administrator says that the database was put back: a repair is due"

    @property
    def due(self):
        return self in (Verdict.REPAIR, Verdict.SAID)

    @property
    def adopts(self):
        return self in (Verdict.ADOPT, Verdict.HARMLESS)


def verdict(p, dc, generation, changed, said):
    """What the record in the database says, which goes back together with the data. changed: of
    a database without it, a change was seen while Samba worked on it. said: by an administrator."""
    recorded = dc.generation_id()
    if generation and recorded not in (None, generation.bytes):
        unsaid = not (changed or said or p.options.intent or p.options.hint)
        return Verdict.HARMLESS if unsaid and harmless(p, dc, generation) else Verdict.REPAIR
    if said:
        return Verdict.SAID
    if generation and recorded:
        return Verdict.NOTHING
    return Verdict.REPAIR if changed else Verdict.ADOPT


def harmless(p, dc, generation):
    """On another file system the database may lie on another disk, and that alone be put back. What
    was adopted once is not adopted again: then the database is a copy of before that."""
    try:
        apart = len({os.stat(directory).st_dev for directory in (
            p.state.top, os.path.dirname(os.path.realpath(dc.path)))}) > 1
    except OSError:
        apart = True
    return not apart and p.state.harmless() != generation.hash and \
        origin.harmless(generation, dc.generation_id(), p.options)


def tell(dc, generation, found):
    recorded = dc.generation_id()
    if recorded is None:
        log.event(log.GENERATION_NOT_READ, f"{dc.computer_dn} has no msDS-GenerationId: that of a "
                  "new controller is not written yet")
    else:
        log.event(log.GENERATION_READ, f"msDS-GenerationId of {dc.computer_dn} was read (hash "
                  f"{short(recorded)})")
    text = f"{dc.name} of {dc.domain}: {found.value}"
    if found == Verdict.NOTHING:
        log.event(log.NO_CHANGE, text)
    elif not found.due:
        log.say(text)


def require_writable(dc):
    if dc.is_rodc:
        raise NotApplicable(f"{dc.name} is a read-only domain controller: {READ_ONLY}")


def refuse_without_id():
    """A change can be known where there is no ID to tell it by."""
    raise Refusal("this machine was cloned or restored, but has no generation ID to go by; have "
                  "the host provide one", "if this is no clone")


def refuse_clone(hint, intent):
    remedy = ("a copy beside its original is no second domain controller: join it again under "
              "another name")
    gone = "if the original is gone for good"
    if intent == origin.CLONE:
        raise Refusal(f"the declared intent is clone; {remedy}", gone)
    if hint == origin.CLONE and intent != origin.RESTORE:
        raise Refusal(f"this looks like a clone (other UUID and MAC addresses); {remedy}", gone)


def refuse_old(p, dc):
    """The clock is what tells the age, and that of a machine that was put back is often wrong."""
    newest, days = dc.newest(), dc.tombstone_days()
    age = (time.time() - newest) / DAY
    old = newest and dc.partners() and age >= days
    if not newest or age >= -CLOCK_DAYS and not old:
        return
    others = clock.others(dc)
    says = f"the clock says {clock.date(time.time())}"
    entry = f"the newest entry of the database is of {clock.date(newest)}"
    wrong = clock.against(others)
    if age < 0:
        log.say(f"{says}, but {entry}: {wrong or 'one of them is wrong'}; set the clock, because "
                "the age of the database cannot be told by it")
        if dc.partners() and clock.latest(others) - newest >= days * DAY:
            raise Blocked(f"{says}, but {wrong}, and {entry}, which may be too old: set the clock")
        return
    if wrong:
        raise Blocked(f"{says}, but {wrong}, and {entry}: set the clock; if it is right: "
                      f"{options.forced(p.options)}")
    refuse_by_age(p, dc, newest, days, clock.sure(others))


def refuse_by_age(p, dc, newest, days, sure):
    """Short enough for a fence."""
    unit = p.options.unit
    wrong = "" if sure else (f"if the clock is wrong, set it, and vmgenctl fence lift {unit}, "
                             "and start that; if not, ")
    raise Refusal(f"the clock says {clock.day(time.time())}, the newest entry of the database "
                  f"{clock.day(newest)}: {wrong}objects deleted since ({days} days) would come "
                  "back: on another domain controller, samba-tool domain demote "
                  f"--remove-other-dead-server={dc.name}, and join it again",
                  "if the others should take them")


def pools_a_day(state):
    """The most that the repairs of a day may leave out."""
    return sum(2 * pools for _, pools in state.repairs())


def refuse_many(state):
    done = state.repairs()
    if pools_a_day(state) >= MOST_POOLS_A_DAY:
        raise Refusal(f"{len(done)} repairs within a day may take {pools_a_day(state) * POOL_SIZE} "
                      "RIDs away for ever: find out why this machine is restored so often; if its "
                      "host gives a new ID to each boot: boot-change in vmgend.conf(5)")


def permit(p, dc, hint, intent):
    """Raises Refusal, or Blocked."""
    refuse_clone(hint, intent)
    refuse_old(p, dc)
    refuse_many(p.state)


def announce(dc, generation, found, hint, intent):
    text = (f"hash on record: {short(dc.generation_id())}, now: "
            f"{short(generation.bytes) if generation else 'none'}; looks like: "
            f"{hint or 'unknown'}; declared intent: {intent or 'none'}")
    if found == Verdict.SAID:
        log.say(f"{dc.name} of {dc.domain}: {found.value} ({text})")
        return
    log.event(log.CHANGE_DETECTED, f"the generation ID of {dc.name} changed ({text})")
