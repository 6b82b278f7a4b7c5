# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What this program remembers, beside the state of vmgend. All of it lies on the disk of the
domain controller and is rolled back with it, so nothing here decides whether a repair is due:
the record that does is in the database (msDS-GenerationId)."""

import json
import os
import time

from samba_ad import file
from samba_ad.log import say

BOOT_ID = "/proc/sys/kernel/random/boot_id"
DAY = 86400


class State:
    def __init__(self, directory):
        self.top = directory
        self.directory = os.path.join(directory, "samba-ad")

    def make(self):
        """Not before there is something to keep: most machines have no Samba."""
        file.make_directory(self.top)
        file.make_directory(self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        self.make()
        file.replace(self.path(name), text)

    def lock(self, timeout=30):
        self.make()
        return file.locked(self.path("lock"), timeout)

    # --- Repairs: each takes RIDs away for ever, so somebody has to look if there are many ----

    def repairs(self):
        """The times of the repairs within a day of now; a clock that went back may have left
        some in the future."""
        now = time.time()
        times = []
        for line in (file.read(self.path("repairs")) or "").splitlines():
            try:
                when = float(line)
            except ValueError:
                say(f"{self.path('repairs')}: a line that is no time was left out")
                continue
            if abs(now - when) < DAY:
                times.append(when)
        return times

    def add_repair(self):
        times = self.repairs() + [time.time()]
        self.write("repairs", "".join(f"{when:.0f}\n" for when in times))

    # --- What the check a minute later has to find --------------------------------------------

    def expect(self, invocation_id, rid_pool):
        values = {"invocation_id": invocation_id, "rid_pool": rid_pool}
        self.write("expected", json.dumps(values) + "\n")

    def expected(self):
        """(invocation ID, first RID of the pool or None), or None."""
        text = file.read(self.path("expected"))
        if text is None:
            return None
        try:
            values = json.loads(text)
            return str(values["invocation_id"]), values["rid_pool"] and int(values["rid_pool"])
        except (ValueError, TypeError, KeyError):
            say(f"{self.path('expected')} is damaged, and was removed")
            file.remove(self.path("expected"))
            return None

    # --- What the partners have to take once more ---------------------------------------------

    def set_resync(self, attempts, pairs):
        if pairs:
            self.write("resync", json.dumps({"attempts": attempts, "pairs": pairs}) + "\n")
        else:
            file.remove(self.path("resync"))

    def resync(self):
        """(attempts, pairs)"""
        try:
            values = json.loads(file.read(self.path("resync")) or '{"attempts": 0, "pairs": []}')
            return int(values["attempts"]), [(str(h), str(c)) for h, c in values["pairs"]]
        except (ValueError, TypeError, KeyError):
            say(f"{self.path('resync')} is damaged, and was removed")
            file.remove(self.path("resync"))
            return 0, []

    # --- A change that was seen while Samba ran, and is not answered yet ----------------------

    def note_change(self):
        self.write("changed", boot_id() + "\n")

    def change_noted(self):
        return file.read(self.path("changed")) is not None

    def forget_change(self):
        file.remove(self.path("changed"))

    # --- Which units were running before we took them down ------------------------------------

    def taken_down(self):
        """After a reboot the service manager starts by itself what shall run."""
        lines = (file.read(self.path("taken-down")) or "").splitlines()
        return lines[1:] if lines[:1] == [boot_id()] else []

    def add_taken_down(self, units):
        units = list(dict.fromkeys(self.taken_down() + units))
        self.write("taken-down", "\n".join([boot_id(), *units]) + "\n")

    def forget_taken_down(self):
        file.remove(self.path("taken-down"))


def boot_id():
    return (file.read(BOOT_ID) or "").strip()
