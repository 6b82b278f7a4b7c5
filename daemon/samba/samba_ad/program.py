# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What all commands have in common: the options, what is remembered, the units, the fence."""

import contextlib
import os
import sys
import time

from samba_ad import ends, generation, options as command_line, origin, places
from samba_ad.fence import Fence
from samba_ad.log import say
from samba_ad.marker import Marker, note_start
from samba_ad.notices import Notices
from samba_ad.state import State
from samba_ad.units import Services

# At these events the system may be at a point of its boot at which nothing may wait for a unit,
# and no later hook runs.
EARLY = ("boot-changed", "unknown")


class Program:
    def __init__(self, options):
        self.options = options
        self.event = os.environ.get("VMGEN_EVENT", "")
        self.state = State(options.state_directory, options.unit)
        self.notices = Notices(self.state)
        self.fence = Fence(options.state_directory, options.unit)
        # What Samba had open before it was taken down.
        self.opened = set()
        self.services = Services(options.unit, self.state, Marker(options.unit),
                                 not options.no_unit)

    def lock(self):
        return contextlib.nullcontext() if self.options.dry_run else self.state.lock()

    def controller_class(self):
        """Samba's modules may be missing."""
        from samba_ad import presence
        presence.require(self.options, self.services.enabled)
        from samba_ad.controller import Controller
        return Controller

    def controller(self):
        try:
            dc = self.controller_class()(self.options.configfile)
        except ends.NotApplicable as e:
            if self.opened:
                raise self.another_database(str(e)) from None
            raise
        if self.opened:
            if not self.opened & {os.path.realpath(dc.path), places.inode(dc.path)}:
                raise self.another_database(f"not {dc.path}")
        return dc

    def note_opened(self):
        if self.services.enabled:
            self.opened = places.databases(self.options.unit)

    def another_database(self, why):
        names = ", ".join(places.printable(n) for n in self.opened if isinstance(n, str))
        return ends.Failure(f"{self.options.unit} has {names} open, {why}: say which smb.conf it "
                            f"has: vmgend-samba-ad protect --unit={self.options.unit} "
                            "--configfile=SMB_CONF")

    def require_unfenced(self):
        reason = self.fence.reason()
        if reason is not None and not self.options.force:
            raise ends.Fenced(f"{self.options.unit} is fenced: {reason} (after vmgenctl fence lift "
                              f"{self.options.unit} the next start decides again)")

    def read_id(self):
        """The Generation or None, and whether somebody said to go on although there is one."""
        try:
            return generation.read(self.options.guid_file), False
        except generation.Hidden as e:
            if not self.options.force and not self.state.waived():
                raise type(e)(f"{e}; to start it anyway: "
                              f"{command_line.forced(self.options)}") from None
            say(str(e))
            return None, True

    def note_start(self):
        """It runs a controller, so 10-samba-ad freezes it at once."""
        if self.services.enabled and not self.options.dry_run:
            note_start(self.options.unit)

    def arm_check(self, seconds):
        """Has verify run so many seconds from now, unless it runs before that anyway."""
        due, now = self.state.due(), time.monotonic()
        if due is not None and now < due <= now + seconds:
            return
        if self.services.arm_check([os.path.abspath(sys.argv[0]),
                                    *command_line.repeat(self.options, "verify")], seconds):
            try:
                self.state.set_due(now + seconds)
            except (ends.Failure, OSError) as e:
                # There may be two then, of which one finds nothing to do.
                say(f"the check cannot be noted: {e}")

    def note_change(self):
        """For a database that has no ID on record to compare with."""
        if self.event == "changed" and not self.options.dry_run:
            self.state.note_change()

    def change_noted(self, dc):
        if not self.options.dry_run:
            self.state.assign_change(dc.guid)
        return self.event == "changed" or self.rolled_back(dc) or \
            self.state.change_noted(dc.guid)

    def rolled_back(self, dc):
        """Whether an administrator says so, or has said so and the repair did not end."""
        return self.options.rolled_back or self.state.said_rolled_back(dc.guid)

    def unrecorded_change(self, dc, current):
        """Nothing is on record in a database that was there before the change to this ID."""
        return dc.generation_id() is None and \
            origin.changed(current, dc.created(), self.options)

    def forget_change(self):
        if not self.options.dry_run:
            self.state.forget_change()
            self.state.forget_rolled_back()
            self.state.forget_undecided()

    def lift_fence(self):
        if self.options.dry_run or not self.options.force:
            return
        fenced = self.fence.reason() is not None
        if fenced and self.notices.has("island"):
            self.state.accept_island()
            self.notices.clear("island")
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
