# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Which change the last guard belongs to. A repair of an older change must not start what that guard
has stopped: the newer repair does. No locks, because a guard waits for nobody: a guard freezes,
leaves its mark, and freezes again; a repair looks for the mark before it starts a unit and after.
In /run, where nothing waits for a disk, and because after a boot nothing is frozen."""

import os

from samba_ad import file
from samba_ad.log import say

DIRECTORY = "/run/vmgen"
# A file for each unit that started a domain controller since the boot, which 10-samba-ad freezes at
# once.
STARTED = f"{DIRECTORY}/samba-ad"


def number(text):
    """None: not the number of a change."""
    return int(text) if text and text.strip().isdecimal() else None


class Marker:
    def __init__(self, unit):
        self.path = os.path.join(DIRECTORY, f"{unit}.guard")
        self.own = number(os.environ.get("VMGEN_GENERATION"))
        # A process that is no hook is as old as the last guard.
        self.since = self.read() if self.own is None else self.own

    def read(self):
        return number(file.read(self.path)) or 0

    def set(self):
        """What is in the way must not keep a guard from its work."""
        if self.own is None:
            return
        new = f"{self.path}.{os.getpid()}"
        try:
            os.makedirs(DIRECTORY, mode=0o755, exist_ok=True)
            with open(new, "w", encoding="ascii") as f:
                f.write(f"{self.own}\n")
            os.rename(new, self.path)
        except OSError as e:
            say(f"{self.path}: {e.strerror}: an older repair may start again what is frozen now")

    def is_newer(self):
        """Whether a guard of a newer change has been at work since."""
        return self.read() > self.since


def note_start(unit):
    try:
        os.makedirs(STARTED, mode=0o755, exist_ok=True)
        with open(os.path.join(STARTED, unit), "w", encoding="ascii"):
            pass
    except OSError as e:
        say(f"{STARTED}/{unit}: {e.strerror}: {unit} is frozen a little later at a change")


def started():
    """[the units that were noted]"""
    try:
        return sorted(os.listdir(STARTED))
    except OSError:
        return []
