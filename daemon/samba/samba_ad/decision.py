# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Is there something to repair, and may it be done without asking anybody?"""

import enum
import time

from samba_ad import clock, log, options, origin
from samba_ad.ends import Blocked, NotApplicable, Refusal
from samba_ad.generation import short

DAY = 86400
# More than Kerberos forgives, and less than a rollback that matters.
CLOCK_DAYS = 1 / 24
MOST_REPAIRS = 3
# What it counts for itself it keeps to itself, and what it lost it takes again, because it also
# forgot that it had that. SYSVOL is another matter.
READ_ONLY = ("nobody takes changes from it that could clash, so nothing is repaired; its SYSVOL is "
             "old after a restore, until it is copied again")


class Verdict(enum.Enum):
    NOTHING = "the generation ID is the one on record: nothing to repair"
    ADOPT = "no generation ID is on record: this one is adopted"
    REPAIR = "the generation ID is another one than that on record: a repair is due"
    SAID = "an administrator says that the database was put back: a repair is due"

    @property
    def due(self):
        return self in (Verdict.REPAIR, Verdict.SAID)


def verdict(dc, generation, changed, said):
    """What the record in the database says, which goes back together with the data. changed: of
    a database without it, a change was seen while Samba worked on it. said: by an administrator."""
    recorded = dc.generation_id()
    if generation and recorded not in (None, generation.bytes):
        return Verdict.REPAIR
    if said:
        return Verdict.SAID
    if generation and recorded:
        return Verdict.NOTHING
    return Verdict.REPAIR if changed else Verdict.ADOPT


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
    remedy = ("a copy beside its original is no second domain controller: join it anew under "
              "another name")
    gone = "if the original is gone for good"
    if intent == origin.CLONE:
        raise Refusal(f"the administrator said that this is a clone; {remedy}", gone)
    if hint == origin.CLONE and intent != origin.RESTORE:
        raise Refusal(f"this looks like a clone (other UUID and network addresses); {remedy}", gone)


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
                  "if the others shall take them")


def refuse_many(state):
    done = len(state.repairs())
    if done >= MOST_REPAIRS:
        raise Refusal(f"{done} repairs within a day, and each takes RIDs away for ever: find out "
                      "why this machine is restored so often, or has a new ID at each start")


def permit(p, dc, hint, intent):
    """Raises Refusal, or Blocked."""
    refuse_clone(hint, intent)
    refuse_old(p, dc)
    refuse_many(p.state)


def announce(dc, generation, found, hint, intent):
    text = (f"hash on record: {short(dc.generation_id())}, now: "
            f"{short(generation.bytes) if generation else 'none'}; looks like: "
            f"{hint or 'unknown'}; the administrator said: {intent or 'nothing'}")
    if found == Verdict.SAID:
        log.say(f"{dc.name} of {dc.domain}: {found.value} ({text})")
        return
    log.event(log.CHANGE_DETECTED, f"the generation ID of {dc.name} changed ({text})")
