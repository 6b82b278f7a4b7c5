# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What this program remembers, beside the state of vmgend. All of it lies on the disk of the
domain controller and is rolled back with it, so nothing here decides whether a repair is due:
the record that does is in the database (msDS-GenerationId)."""

import collections
import contextlib
import json
import os
import time
import uuid

from samba_ad import file, places
from samba_ad.ends import Blocked, Failure
from samba_ad.log import say

# That of distributions has its state where it was when there was no other.
UNIT = "samba-ad-dc.service"
UNITS = "units"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
DAY = 86400
# What JSON that is not ours may raise.
DAMAGED = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
# Samba's own, see ridalloc.c there.
POOL_SIZE = 500
# Where nobody knows how much time was lost, see lost_time.py.
MOST_POOLS = 550
# ntds: the controller, by the objectGUID of its NTDS Settings; rid_pool: the first RID that the RID
# master gives out, or None; attempts: of the check; pools: to be left out by the RID master.
Expected = collections.namedtuple("Expected", "ntds invocation_id rid_pool attempts pools")


class State:
    def __init__(self, directory, unit):
        self.top = directory
        common = os.path.join(directory, "samba-ad")
        self.directory = common if unit == UNIT else os.path.join(common, UNITS, unit)
        # Why, or None.
        self.unwritable = None

    @staticmethod
    def units_taken_down(directory):
        """[the units of controllers, but for the usual one, of which some unit was taken down]"""
        try:
            names = sorted(n for n in os.listdir(os.path.join(directory, "samba-ad", UNITS))
                           if places.UNIT_NAME.fullmatch(n))
        except OSError:
            return []
        return [name for name in names if State(directory, name).taken_down()]

    def make(self):
        """Not before there is something to keep: most machines have no Samba."""
        below = os.path.relpath(self.directory, self.top).split(os.sep)
        # One by one: those in between are root's alone, too.
        for depth in range(len(below) + 1):
            file.make_directory(os.path.join(self.top, *below[:depth]))

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        self.make()
        file.replace(self.path(name), text)

    @contextlib.contextmanager
    def lock(self, timeout=30):
        """Where nothing can be written that is remembered: it matters only if something is due."""
        with contextlib.ExitStack() as stack:
            try:
                if self.made():
                    stack.enter_context(file.locked(self.path("lock"), timeout))
            except OSError as e:
                self.take_unwritable(e, f"{e.filename}: {e.strerror}")
            yield

    def made(self):
        try:
            self.make()
            return True
        except Failure as e:
            self.take_unwritable(e, str(e))
            return False

    def take_unwritable(self, error, text):
        """Who is not root can do nothing here at all."""
        if os.geteuid():
            raise error
        self.unwritable = text

    def require_writable(self):
        if self.unwritable:
            raise Blocked("a repair is due, but it cannot be noted, so a crash in the middle would "
                          f"be forgotten: {self.unwritable}: make room for it, or mount its file "
                          "system writable")

    # --- Repairs: each takes RIDs away for ever, so somebody has to look if there are many ----

    def repairs(self):
        """[(when, pools)] of the repairs within a day of now; a clock that went back may have left
        some in the future."""
        now = time.time()
        found = []
        for line in (file.read(self.path("repairs")) or "").splitlines():
            words = line.split()
            try:
                when, pools = float(words[0]), int(words[1])
            except (ValueError, IndexError):
                say(f"{self.path('repairs')}: a line that is no repair was left out")
                continue
            if abs(now - when) < DAY:
                found.append((when, max(0, min(pools, MOST_POOLS))))
        return found

    def add_repair(self, pools):
        found = self.repairs() + [(time.time(), pools)]
        self.write("repairs", "".join(f"{when:.0f} {count}\n" for when, count in found))

    # --- What the check a minute later has to find --------------------------------------------

    def expect(self, expected):
        self.write("expected", json.dumps(expected._asdict()) + "\n")

    def expected(self):
        """Expected, or None."""
        text = file.read(self.path("expected"))
        if text is None:
            return None
        try:
            found = Expected(**json.loads(text))
            return found._replace(ntds=str(uuid.UUID(found.ntds)),
                                  invocation_id=str(uuid.UUID(found.invocation_id)),
                                  rid_pool=found.rid_pool and int(found.rid_pool),
                                  attempts=int(found.attempts),
                                  pools=max(0, min(int(found.pools), MOST_POOLS)))
        except DAMAGED:
            say(f"{self.path('expected')} is damaged")
            return None

    def unfinished(self):
        """Whether anything is noted of a repair whose check has not ended, damaged or not."""
        return any(os.path.lexists(self.path(name)) for name in ("expected", "partners"))

    def forget_expected(self):
        file.remove(self.path("expected"))

    # --- Which partners were heard and told since the repair, see partners.py -----------------

    def set_partners(self, words):
        self.write("partners", json.dumps(words) + "\n")

    def partners(self):
        """As it was set, or {}, with which everything is done again."""
        text = file.read(self.path("partners"))
        if text is None:
            return {}
        try:
            found = json.loads(text)
            # Whether it was this or another word, so that nothing is left out.
            limits = {str(guid): int(seconds) for guid, seconds in found["limits"].items()}
            return {"full": bool(found["full"]), "heard": list(map(str, found["heard"])),
                    "told": list(map(str, found["told"])), "limits": limits}
        except DAMAGED:
            say(f"{self.path('partners')} is damaged, so all partners are asked again")
            return {"full": True, "heard": [], "told": [], "limits": {}}

    def forget_partners(self):
        file.remove(self.path("partners"))

    # --- When the next check is due, so that there is one timer at a time ----------------------

    def set_due(self, when):
        """when: as time.monotonic() has it."""
        self.write("due", f"{boot_id()} {when:.0f}\n")

    def due(self):
        """Or None: another boot has begun."""
        words = (file.read(self.path("due")) or "").split()
        if len(words) != 2 or words[0] != boot_id() or not words[1].isdigit():
            return None
        return int(words[1])

    # --- A change that was seen while Samba ran, and is not answered yet ----------------------

    def note_change(self):
        """Before the database may be opened, so of any controller that is found there next."""
        self.write("changed", "\n")

    def assign_change(self, ntds):
        """To this controller: one that is joined later has other data."""
        if file.read(self.path("changed")) == "\n":
            self.write("changed", ntds + "\n")

    def change_noted(self, ntds):
        return file.read(self.path("changed")) in ("\n", ntds + "\n")

    def forget_change(self):
        file.remove(self.path("changed"))

    # --- The word of an administrator that this controller was put back, until it is repaired ---

    def say_rolled_back(self, ntds):
        self.write("rolled-back", ntds + "\n")

    def said_rolled_back(self, ntds):
        return file.read(self.path("rolled-back")) == ntds + "\n"

    def forget_rolled_back(self):
        file.remove(self.path("rolled-back"))

    # --- The hash of the ID that is gone, and must stay so -------------------------------------

    def accept_without_id(self, recorded):
        self.write("without-id", recorded + "\n")

    def without_id(self):
        return (file.read(self.path("without-id")) or "").strip()

    def forget_without_id(self):
        file.remove(self.path("without-id"))

    # --- That Samba was started where nothing told whether it was rolled back -------------------

    def note_undecided(self):
        self.write("undecided", "\n")

    def undecided(self):
        return os.path.lexists(self.path("undecided"))

    def forget_undecided(self):
        file.remove(self.path("undecided"))

    # --- The hash of the ID that was adopted although the database had another one --------------

    def adopt_harmless(self, generation_hash):
        self.write("harmless", generation_hash + "\n")

    def harmless(self):
        return (file.read(self.path("harmless")) or "").strip()

    # --- That somebody wants Samba to start in this boot although the ID cannot be read --------

    def waive(self):
        self.write("waived", boot_id() + "\n")

    def waived(self):
        return file.read(self.path("waived")) == boot_id() + "\n"

    # --- That it must run although it was removed from the domain ------------------------------

    def accept_island(self):
        self.write("island-accepted", "\n")

    def island_accepted(self):
        return file.read(self.path("island-accepted")) is not None

    def forget_island(self):
        file.remove(self.path("island-accepted"))

    # --- Which units were running before we took them down ------------------------------------

    def taken_down(self):
        """After a reboot the service manager starts without us what has to run."""
        lines = (file.read(self.path("taken-down")) or "").splitlines()
        return lines[1:] if lines[:1] == [boot_id()] else []

    def add_taken_down(self, units):
        units = list(dict.fromkeys(self.taken_down() + units))
        self.write("taken-down", "\n".join([boot_id(), *units]) + "\n")

    def forget_taken_down(self):
        """Where that cannot be, they are started once more, up to the next boot."""
        try:
            file.remove(self.path("taken-down"))
        except OSError as e:
            say(f"{e.filename}: {e.strerror}")


def boot_id():
    return (file.read(BOOT_ID) or "").strip()
