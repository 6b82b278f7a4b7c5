# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Is there something to repair, and may it be done without asking anybody?"""

import enum
import time

from samba_ad import log, origin
from samba_ad.ends import NotApplicable, Refusal
from samba_ad.generation import short

DAY = 86400
# More than Kerberos forgives, and less than a rollback that matters.
CLOCK_DAYS = 1 / 24
MOST_REPAIRS = 3


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
        raise NotApplicable(f"{dc.name} is a read-only domain controller: it makes no changes of "
                            "its own that could clash, so nothing is repaired")


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


def refuse_old(dc):
    newest, days = dc.newest(), dc.tombstone_days()
    age = (time.time() - newest) / DAY
    if age < -CLOCK_DAYS:
        log.say("the clock is behind the database, so its age cannot be told; set the clock")
    if not dc.partners() or not newest or age < days:
        return
    raise Refusal(f"the database is {age:.0f} days old, and deleted objects are remembered for "
                  f"{days} days only, so they would come back: remove {dc.name} on another domain "
                  f"controller (samba-tool domain demote --remove-other-dead-server={dc.name}) "
                  "and join it again", "if the others shall take those objects")


def refuse_many(state):
    done = len(state.repairs())
    if done >= MOST_REPAIRS:
        raise Refusal(f"{done} repairs within a day, and each takes RIDs away for ever: find out "
                      "why this machine is restored so often, or has a new ID at each start")


def permit(p, dc, hint, intent):
    """Raises Refusal, or Blocked."""
    refuse_clone(hint, intent)
    refuse_old(dc)
    refuse_many(p.state)


def announce(dc, generation, found, hint, intent):
    text = (f"hash on record: {short(dc.generation_id())}, now: "
            f"{short(generation.bytes) if generation else 'none'}; looks like: "
            f"{hint or 'unknown'}; the administrator said: {intent or 'nothing'}")
    if found == Verdict.SAID:
        log.say(f"{dc.name} of {dc.domain}: {found.value} ({text})")
        return
    log.event(log.CHANGE_DETECTED, f"the generation ID of {dc.name} changed ({text})")
