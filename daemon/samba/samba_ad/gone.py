# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The generation ID that a controller has on record, on a machine that has none any more: it was
moved to a host without, or restored on one. Samba starts anyway, because a move is no
rollback, and must not cost the controller; but the next rollback will not
be seen, so an administrator is told until there is an ID again, or says that none is wanted."""

from samba_ad import log, options as command_line
from samba_ad.ends import Failure
from samba_ad.generation import short

NOTICE = "gone"


def text(dc, options):
    return (f"{dc.name} has a generation ID on record (hash {short(dc.generation_id())}), but this "
            "machine has none any more, so nothing tells whether it was rolled back: have the host "
            "provide one; if the database was put back: "
            f"{command_line.by_hand(options, 'repair', '--rolled-back')}; if it should stay "
            f"without: {command_line.by_hand(options, '--force', 'repair')}")


def told(p, dc, current):
    """What an administrator has to know about it, or None."""
    recorded = dc.generation_id()
    if current or recorded is None or p.state.without_id() == short(recorded):
        return None
    return text(dc, p.options)


def note(p, dc, current):
    """A disk that cannot be written must not keep Samba down."""
    found = told(p, dc, current)
    if p.options.dry_run:
        return found
    try:
        if current:
            p.state.forget_without_id()
        if found:
            p.notices.set(NOTICE, found)
        else:
            p.notices.clear(NOTICE)
    except (OSError, Failure) as e:
        log.say(f"that cannot be noted: {e}")
    return found


def accept(p, dc):
    """It has to stay without."""
    if p.options.dry_run or dc.generation_id() is None:
        return
    p.state.accept_without_id(short(dc.generation_id()))
    p.notices.clear(NOTICE)
    log.say("this is taken to be wanted, and not told again until there is an ID")
