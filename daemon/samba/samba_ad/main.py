# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The commands, and what becomes of them: an exit status, a fence, a line in the journal."""

import os
import sys
import traceback

from samba_ad import crew, ends, installations, options as command_line, protection, report
from samba_ad.log import say
from samba_ad.program import EARLY, Program


def stop(p):
    if p.options.dry_run and p.services.running():
        say(f"would freeze {p.options.unit}")
        return
    if p.options.dry_run or not p.services.halt():
        raise ends.NotApplicable(f"{p.options.unit} does not run")
    if p.event not in EARLY:
        say(f"{p.options.unit} stays so until the hook 50-samba-ad has run; by hand: "
            f"{command_line.by_hand(p.options, 'repair')}")
    p.note_change()
    if p.event in EARLY:
        repair(p)


def repair(p):
    # First of all: a process that is frozen may hold a lock, of the database or ours; and
    # in all other cases nobody else would thaw or end it.
    p.note_opened()
    if p.services.frozen() and not p.options.dry_run:
        p.services.take_down()
    try:
        p.controller_class()
        from samba_ad import treatment
        p.note_change()
        with p.lock():
            p.require_unfenced()
            treatment.treat(p, p.services.take_down)
            p.lift_fence()
    except ends.NotApplicable:
        p.bring_up()
        raise
    p.bring_up()


def before_start(p):
    p.controller_class()
    from samba_ad import treatment
    with p.lock():
        p.require_unfenced()
        treatment.treat(p, p.services.take_down_dns)
    if not p.options.dry_run:
        p.services.bring_up(wait=False, but=[p.options.unit])


def verify(p):
    p.controller_class()
    from samba_ad import verification
    verification.verify(p)


def sysvol_done(p):
    p.controller_class()
    from samba_ad import sysvol
    with p.lock():
        sysvol.done(p, p.controller())


def protect(p):
    protection.require_server(p)
    p.controller()
    protection.write(p)
    # For the first time it is seen it has no ID on record.
    repair(p)


# Samba's Python modules may be missing, so what needs them is imported only where it is used.
COMMANDS = {"stop": stop, "repair": repair, "before-start": before_start, "verify": verify,
            "sysvol-done": sysvol_done, "protect": protect}


def refuse(p, refusal):
    """Samba stays down until somebody has decided."""
    if p.options.dry_run:
        say(f"would fence {p.options.unit}: {refusal}"
            f"{command_line.forced(p.options)}")
        return ends.FENCED
    command = command_line.forced(p.options)
    say(f"{refusal}{command}")
    # The disk may take its time; and once more, because it may have been started meanwhile.
    keep_down(p)
    try:
        p.fence.set(str(refusal), command)
        say(f"{p.options.unit} is fenced")
    except OSError as e:
        say(f"{p.options.unit} could not be fenced: {p.fence.path}: {e.strerror}")
    keep_down(p)
    return ends.FENCED


def keep_down(p):
    # The unit whose start waits for us is kept down by our exit status.
    if p.options.command == "before-start" or p.options.dry_run:
        return
    try:
        p.services.take_down()
    except ends.Failure as e:
        say(str(e))


def run(p):
    try:
        COMMANDS[p.options.command](p)
        return ends.OK
    except ends.NotApplicable as e:
        say(str(e))
        return ends.OK if p.options.command == "before-start" else ends.NOT_APPLICABLE
    except ends.Refusal as e:
        return refuse(p, e)
    except ends.Fenced as e:
        say(str(e))
        if p.options.command != "verify":
            keep_down(p)
        return ends.FENCED
    except (ends.NoRights, PermissionError):
        raise
    except ends.Superseded as e:
        say(str(e))
        return e.status
    except ends.Failure as e:
        if isinstance(e, ends.Blocked):
            keep_down(p)
        say(f"{e}{then(p)}")
        return e.status
    except OSError as e:
        say(f"{in_the_way(e, p.options)}{then(p)}")
        return ends.FAILED
    except Exception as e:  # pylint: disable=broad-except
        # Samba's modules may raise anything of a database that is damaged.
        return refuse(p, ends.Refusal(f"{not_understood(e)}; samba-tool dbcheck tells whether the "
                                      "database is damaged"))


def not_understood(error):
    """And where, for who has to look for it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"
    text = "".join(c if c.isprintable() else "?" for c in str(error))
    return f"this is not understood: {type(error).__name__}: {text} ({where})"


def then(p):
    """What is left to do when that is fixed: nothing else starts what is down."""
    units = []
    if p.options.command == "before-start":
        units = [p.options.unit]
    elif p.options.command != "stop" or p.event in EARLY:
        units = p.state.taken_down()
    if not units or p.options.dry_run or not p.services.enabled:
        return ""
    return f"; then: systemctl start {' '.join(units)}"


def in_the_way(error, options):
    return f"{error.filename or options.state_directory}: {error.strerror}"


def run_one(options):
    installations.apply(options)
    program = Program(options)
    return report.report(program) if options.check else run(program)


def main(arguments=None):
    options = command_line.parse(arguments)
    try:
        if options.every:
            return crew.run(options, sys.argv[1:] if arguments is None else arguments, run_one)
        return run_one(options)
    except ends.NotApplicable as e:
        say(str(e))
        return ends.NOT_APPLICABLE
    except ends.Refusal as e:
        say(f"{e}{command_line.forced(options)}")
        return ends.FENCED
    except ends.Failure as e:
        say(str(e))
        return e.status
    except PermissionError as e:
        say(f"{in_the_way(e, options)}: run this as root")
        return ends.NO_RIGHTS
    except OSError as e:
        say(in_the_way(e, options))
        return ends.FAILED
    except Exception as e:  # pylint: disable=broad-except
        say(not_understood(e))
        return ends.FAILED
