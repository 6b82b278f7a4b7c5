# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What is done when Samba runs again: a check that the repair has lasted, and what the partners
have to take once more."""

from samba_ad import ends, generation, loss, repair, resync, treatment
from samba_ad.log import say

# A partner may be down when the repair is checked, and is tried again a minute later.
MOST_ATTEMPTS = 60


def verify(p):
    try:
        again = check_repair(p)
    except ends.NoRights:
        raise
    except (ends.Failure, OSError):
        # It may go away, and nobody else would look again.
        expected = p.state.expected()
        if expected and expected.attempts < MOST_ATTEMPTS and not p.options.dry_run:
            p.arm_check()
        raise
    if again:
        p.arm_check()


def check_repair(p):
    """Returns whether to do it again."""
    with p.lock():
        p.require_unfenced()
        expected = p.state.expected()
        if not expected:
            raise ends.NotApplicable("no repair was made that could be checked")
        if not p.options.dry_run:
            p.state.expect(expected._replace(attempts=expected.attempts + 1))
        dc = p.controller_class()(p.options.configfile)
        current = generation.read(p.options.guid_file)
        if current and dc.generation_id() != current.bytes:
            say("the generation ID has changed again, which is for another repair")
            return False
        silent = loss.silent_partners(dc, expected)
        found = treatment.lost(p, dc)
        if p.options.dry_run:
            return False
        if found:
            treatment.perform(p, current, p.services.take_down)
        elif dc.is_rid_master:
            repair.pass_taken(dc)
    if found:
        p.bring_up()
        return False
    return finish(p, dc, expected.invocation_id, silent)


def finish(p, dc, invocation_id, silent):
    """What the partners have to do; returns as check_repair()."""
    left = resync.run(dc.name, p.state.resync(), p.options.configfile)
    with p.lock():
        expected = p.state.expected()
        if not expected or expected.invocation_id != invocation_id:
            # Another repair was made, and looks after itself.
            return False
        p.state.set_resync(left)
        if silent:
            say("some partner has not been replicated from since the repair")
        if not silent and not left:
            say(f"the repair has lasted: {dc.name} still has the invocationId {invocation_id}")
        elif expected.attempts < MOST_ATTEMPTS:
            return True
        else:
            say("that is not tried again; when all partners answer, run the commands above, "
                "and: samba-tool drs showrepl")
            p.state.set_resync([])
        p.state.forget_expected()
        return False
