# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""How much time may have been lost, and so how many RIDs may have been given out in it of which
nobody here knows. Many hosts give an ID to ordinary boots, too, so what is left out has to fit."""

import time

from samba_ad import clock, origin
from samba_ad.state import DAMAGED, MOST_POOLS

LEAST_POOLS = 100
# In which one pool more may have been given out.
POOL_SECONDS = 600
# Between a change that is detected while Samba runs and the moment it is frozen.
GAP = 60


def pools(p, dc, generation):
    """How many pools of RIDs may have been given out in the lost time."""
    try:
        lost = seconds(p, dc, generation)
    except DAMAGED:
        lost = None
    return MOST_POOLS if lost is None else min(LEAST_POOLS + int(lost // POOL_SECONDS), MOST_POOLS)


def seconds(p, dc, generation):
    """Or None: it is not known. generation: None if it was not that which told of it."""
    change = next(iter(origin.changes(generation, p.options) or []), None) if generation else None
    # What Samba has written since hides how old the rest is.
    if not change or p.state.undecided():
        return None
    noticed, newest = origin.detected(change, False) / 1_000_000, dc.newest_of_all()
    live = change["event"] == "changed"
    # Then it was restored to where it ran, or crashed, and neither is an ordinary boot.
    if not live and change.get("shutdown") != "clean":
        return None
    if not newest or newest >= noticed + (GAP if live else 0):
        return None
    witnesses = clock.others(dc)
    if clock.against(witnesses) or not (witnesses or clock.synchronised()):
        return None
    # Nobody sees how far a clock that was set before the change was detected had been behind.
    if live and not stepped(p, change):
        return None
    now = max(time.time(), clock.latest(witnesses))
    return now - min(newest, noticed) if noticed <= now else None


def stepped(p, run):
    """Whether the clock was set forward since this change was detected, which a hook does where it
    was as old as the snapshot."""
    noticed = origin.detected(run, False)
    if run.get("finished_usec"):
        return origin.detected(run) > noticed
    # The run that calls this.
    if p.event != run["event"]:
        return False
    since = time.clock_gettime(time.CLOCK_BOOTTIME) * 1_000_000 - run["detected_boottime_usec"]
    return since >= 0 and time.time() * 1_000_000 - since > noticed + 1_000_000
