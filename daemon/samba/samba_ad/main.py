# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The commands, and what becomes of them: an exit status, a fence, a line in the journal."""

import contextlib
import os
import sys

from samba_ad import decision, ends, generation, holders, loss, options as command_line, origin, \
    report, resync
from samba_ad.fence import Fence
from samba_ad.log import say
from samba_ad.marker import Marker
from samba_ad.state import State, boot_id
from samba_ad.units import Services

# At these events the system may be at a point of its boot at which nothing may wait for a unit,
# and no later hook runs.
EARLY = ("boot-changed", "unknown")


# A partner may be down when the repair is checked, and is tried again a minute later.
MOST_ATTEMPTS = 60


class Program:
    def __init__(self, options):
        self.options = options
        self.event = os.environ.get("VMGEN_EVENT", "")
        self.state = State(options.state_directory)
        self.fence = Fence(options.state_directory, options.unit)
        self.services = Services(options.unit, self.state, Marker(options.unit),
                                 not options.no_unit)

    def lock(self):
        return contextlib.nullcontext() if self.options.dry_run else self.state.lock()

    def controller_class(self):
        try:
            from samba_ad.controller import Controller
        except ImportError as e:
            if not os.path.exists("/usr/sbin/samba"):
                raise ends.NotApplicable("Samba is not installed") from None
            raise ends.Failure(f"Samba's Python modules cannot be loaded ({e}): "
                               "install the package python3-samba") from None
        return Controller

    def controller(self):
        return self.controller_class()(self.options.configfile)

    def require_unfenced(self):
        reason = self.fence.reason()
        if reason is not None and not self.options.force:
            raise ends.Fenced(f"{self.options.unit} is fenced: {reason} (after vmgenctl fence lift "
                              f"{self.options.unit} the next start decides anew)")

    # --- The commands -------------------------------------------------------------------------

    def stop(self):
        if self.options.dry_run and self.services.running():
            say(f"would freeze {self.options.unit}")
            return
        if self.options.dry_run or not self.services.halt():
            raise ends.NotApplicable(f"{self.options.unit} does not run")
        if self.event not in EARLY:
            say(f"{self.options.unit} stays so until the hook 50-samba-ad has run; by hand: "
                f"{command_line.by_hand(self.options, 'repair')}")
        self.note_change()
        if self.event in EARLY:
            self.repair()

    def repair(self):
        # First of all: a process that is frozen may hold a lock, of the database or ours; and
        # whatever is in the way of all else, nobody else would thaw or end it.
        if self.services.frozen() and not self.options.dry_run:
            self.services.take_down()
        try:
            self.controller_class()
            self.note_change()
            with self.lock():
                self.require_unfenced()
                self.treat(self.services.take_down)
                self.lift_fence()
        except ends.NotApplicable:
            self.bring_up()
            raise
        self.bring_up()

    def before_start(self):
        self.controller_class()
        with self.lock():
            self.require_unfenced()
            self.treat(self.services.take_down_dns)
        if not self.options.dry_run:
            self.services.bring_up(wait=False, but=[self.options.unit])

    def verify(self):
        try:
            again = self.check_repair()
        except ends.NoRights:
            raise
        except (ends.Failure, OSError):
            # It may go away, and nobody else would look again.
            expected = self.state.expected()
            if expected and expected.attempts < MOST_ATTEMPTS and not self.options.dry_run:
                self.arm_check()
            raise
        if again:
            self.arm_check()

    def check_repair(self):
        """Returns whether to do it again."""
        with self.lock():
            self.require_unfenced()
            expected = self.state.expected()
            if not expected:
                raise ends.NotApplicable("no repair was made that could be checked")
            if not self.options.dry_run:
                self.state.expect(expected._replace(attempts=expected.attempts + 1))
            dc = self.controller_class()(self.options.configfile)
            current = generation.read(self.options.guid_file)
            if current and dc.generation_id() != current.bytes:
                say("the generation ID has changed again, which is for another repair")
                return False
            from samba_ad import repair
            silent = loss.silent_partners(dc, expected)
            found = self.lost(dc)
            if self.options.dry_run:
                return False
            if found:
                self.mend(current, self.services.take_down)
            elif dc.is_rid_master:
                repair.pass_taken(dc)
        if found:
            self.bring_up()
            return False
        return self.finish(dc, expected.invocation_id, silent)

    def finish(self, dc, invocation_id, silent):
        """What the partners have to do; returns as check_repair()."""
        left = resync.run(dc.name, self.state.resync(), self.options.configfile)
        with self.lock():
            expected = self.state.expected()
            if not expected or expected.invocation_id != invocation_id:
                # Another repair was made, and looks after itself.
                return False
            self.state.set_resync(left)
            if silent:
                say("some partner has not been replicated from since the repair")
            if not silent and not left:
                say(f"the repair has lasted: {dc.name} still has the invocationId {invocation_id}")
            elif expected.attempts < MOST_ATTEMPTS:
                return True
            else:
                say("that is not tried again; when all partners answer, run the commands above, "
                    "and: samba-tool drs showrepl")
                self.state.set_resync([])
            self.state.forget_expected()
            return False

    # --- What they have in common -------------------------------------------------------------

    def treat(self, take_down):
        """Decides, and adopts or repairs."""
        from samba_ad import repair
        try:
            dc = self.controller()
            decision.require_writable(dc)
        except ends.NotApplicable:
            self.forget_change()
            raise
        current, waived = self.read_id()
        changed = self.change_noted(dc)
        if waived and not changed:
            say("nothing tells whether this machine was rolled back: Samba starts without a "
                "decision, until the next boot")
            if self.options.force and not self.options.dry_run:
                self.state.waive()
            return
        if current and not changed and self.unrecorded_change(dc, current):
            changed = True
            if not self.options.dry_run:
                self.state.note_change()
        if not self.options.force:
            decision.require_id(current, changed)
        verdict = decision.Verdict.REPAIR
        if current:
            verdict = decision.verdict(dc, current, changed)
        if verdict != decision.Verdict.REPAIR:
            say(f"{dc.name} of {dc.domain}: {verdict.value}")
            self.settle(dc, current, verdict == decision.Verdict.ADOPT, take_down)
            return
        hint, intent = origin.told(current, self.options) if current else ("", "")
        decision.announce(dc, current, hint, intent)
        if not self.options.force:
            decision.permit(dc, self.state, hint, intent)
        if self.options.dry_run:
            for step in repair.plan(dc):
                say(f"would {step}")
            return
        self.mend(current, take_down)

    def read_id(self):
        """The Generation or None, and whether somebody said to go on although there is one."""
        try:
            return generation.read(self.options.guid_file), False
        except generation.Hidden as e:
            if not self.options.force and not self.state.waived():
                raise type(e)(f"{e}; to start it all the same: "
                              f"{command_line.by_hand(self.options, '--force', 'repair')}"
                              ) from None
            say(str(e))
            return None, True

    def mend(self, current, take_down):
        from samba_ad import repair
        take_down()
        # Opened anew: what Samba wrote until now is part of what has to be repaired.
        dc = self.controller()
        holders.require_none(dc.path)
        if self.change_noted(dc) or self.options.unit in self.state.taken_down():
            # Before, because nothing tells of it any more when the repair is on record.
            self.state.set_resync(resync.pairs(dc))
        repair.apply(dc, current, self.state)
        self.forget_change()
        self.arm_check()

    def arm_check(self):
        self.services.arm_check([os.path.abspath(sys.argv[0]),
                                 *command_line.repeat(self.options, "verify")])

    def note_change(self):
        """For a database that has no ID on record to compare with."""
        if self.event == "changed" and not self.options.dry_run:
            self.state.note_change()

    def change_noted(self, dc):
        if not self.options.dry_run:
            self.state.assign_change(dc.guid)
        return self.event == "changed" or self.state.change_noted(dc.guid)

    def unrecorded_change(self, dc, current):
        """Nothing is on record in a database that was there before the change to this ID."""
        return dc.generation_id() is None and \
            origin.changed(current, dc.created(), self.options)

    def forget_change(self):
        if not self.options.dry_run:
            self.state.forget_change()

    def settle(self, dc, current, adopt, take_down):
        from samba_ad import repair
        # A reboot soon after a repair, before it was checked.
        found = self.lost(dc)
        if self.options.dry_run:
            return
        if found:
            self.mend(current, take_down)
            return
        if adopt:
            repair.record(dc, current)
        self.forget_change()
        expected = self.state.expected()
        if expected and expected.boot != boot_id():
            self.state.expect(expected._replace(boot=boot_id()))
            self.arm_check()

    def lost(self, dc):
        """Whether a repair that was not found to have lasted yet has to be repeated."""
        expected = self.state.expected()
        if not expected:
            return False
        if expected.ntds != dc.guid:
            say(f"{dc.name} was joined anew since the last repair")
            if not self.options.dry_run:
                self.state.forget_expected()
                self.state.set_resync([])
            return False
        found = loss.find(dc, expected)
        if found:
            say(found)
            if not self.options.force:
                decision.refuse_many(self.state)
        return found is not None

    def lift_fence(self):
        if self.options.dry_run or not self.options.force:
            return
        fenced = self.fence.reason() is not None
        if not self.fence.lift_own():
            raise ends.Fenced(f"the database is in order, but {self.options.unit} is fenced: "
                              f"{self.fence.reason()}; when that is fixed: vmgenctl fence lift "
                              f"{self.options.unit}, systemctl start {self.options.unit}")
        # Since a boot maybe, so that there was nothing to take down.
        if fenced and self.services.enabled:
            self.state.add_taken_down([self.options.unit])

    def bring_up(self):
        if self.options.dry_run:
            return
        try:
            self.services.bring_up(wait=self.event not in EARLY)
        except ends.Superseded:
            # That guard has noted it as well, maybe before this repair took its own note away.
            self.state.note_change()
            raise

    def refuse(self, refusal):
        """Samba stays down until somebody has decided."""
        if self.options.dry_run:
            say(f"would fence {self.options.unit}: {refusal}"
                f"{command_line.by_hand(self.options, '--force', 'repair')}")
            return ends.FENCED
        command = command_line.by_hand(self.options, "--force", "repair")
        say(f"{refusal}{command}")
        # The disk may take its time; and once more, because it may have been started meanwhile.
        self.keep_down()
        try:
            self.fence.set(str(refusal), command)
            say(f"{self.options.unit} is fenced")
        except OSError as e:
            say(f"{self.options.unit} could not be fenced: {self.fence.path}: {e.strerror}")
        self.keep_down()
        return ends.FENCED

    def keep_down(self):
        # The unit whose start waits for us is kept down by our exit status.
        if self.options.command == "before-start" or self.options.dry_run:
            return
        try:
            self.services.take_down()
        except ends.Failure as e:
            say(str(e))

    def run(self):
        command = getattr(self, self.options.command.replace("-", "_"))
        try:
            command()
            return ends.OK
        except ends.NotApplicable as e:
            say(str(e))
            return ends.OK if self.options.command == "before-start" else ends.NOT_APPLICABLE
        except ends.Refusal as e:
            return self.refuse(e)
        except ends.Fenced as e:
            say(str(e))
            if self.options.command != "verify":
                self.keep_down()
            return ends.FENCED
        except (ends.NoRights, PermissionError):
            raise
        except ends.Superseded as e:
            say(str(e))
            return e.status
        except ends.Failure as e:
            say(f"{e}{self.then()}")
            return e.status
        except OSError as e:
            say(f"{in_the_way(e, self.options)}{self.then()}")
            return ends.FAILED

    def then(self):
        """What is left to do when that is fixed: nothing else starts what is down."""
        units = []
        if self.options.command == "before-start":
            units = [self.options.unit]
        elif self.options.command != "stop" or self.event in EARLY:
            units = self.state.taken_down()
        if not units or self.options.dry_run or not self.services.enabled:
            return ""
        return f"; then: systemctl start {' '.join(units)}"


def in_the_way(error, options):
    return f"{error.filename or options.state_directory}: {error.strerror}"


def main(arguments=None):
    options = command_line.parse(arguments)
    try:
        program = Program(options)
        return report.report(program) if options.check else program.run()
    except ends.NotApplicable as e:
        say(str(e))
        return ends.NOT_APPLICABLE
    except ends.Refusal as e:
        say(f"{e}{command_line.by_hand(options, '--force', 'repair')}")
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
