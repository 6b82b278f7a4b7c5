# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Fences as vmgenctl(1) keeps them: a file named like the unit, with the reason in its first line and
the generation in the second, so that a hook which answers an older change does not lift it."""

import os
import re

from samba_ad import file
from samba_ad.marker import number
from samba_ad.state import boot_id

# FENCE_REASON_SIZE of daemon/record/fencefile.h, less the line break and the end.
REASON_BYTES = 510
AUTHOR = "vmgend-samba-ad: "


class Fence:
    def __init__(self, state_directory, unit):
        self.directory = os.path.join(state_directory, "fence")
        self.unit = unit
        self.path = os.path.join(self.directory, unit)
        # None: by hand, or at a start of Samba.
        self.generation = number(os.environ.get("VMGEN_GENERATION"))

    def reason(self):
        """None: not fenced. Of anything else with this name one can say that it is there."""
        try:
            text = file.read(self.path)
        except OSError as e:
            return f"{self.path}: {e.strerror}"
        if text is None:
            return None
        return text.split("\n")[0] or "no reason was given"

    def fenced_generation(self):
        """Of a fence that is there, and of this boot; None: nobody knows."""
        try:
            lines = (file.read(self.path) or "").split("\n")
        except OSError:
            return None
        found = re.fullmatch(r"generation (\d+) boot (\S+)", lines[1]) if len(lines) > 1 else None
        return int(found[1]) if found and found[2] == boot_id() else None

    def set(self, reason, command):
        """What is too long is cut off before the command to go on with. To a hook one of a newer
        generation is none of its business; by hand a fence stays as new as it was. Raises
        OSError."""
        generation = self.generation
        old = self.fenced_generation()
        if old is not None and (generation is None or old > generation):
            if generation is not None:
                return
            generation = old
        line = " ".join((AUTHOR + reason).split()) + " "
        room = max(0, REASON_BYTES - len(command.encode()))
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        file.sync_directory(os.path.dirname(self.directory))
        second = "" if generation is None else f"generation {generation} boot {boot_id()}\n"
        file.replace(self.path,
                     f"{line.encode()[:room].decode(errors='ignore')}{command}\n{second}")

    def lift_own(self):
        """Lifts the fence if this program has set it; says whether none is left."""
        reason = self.reason()
        if reason is None:
            return True
        if not reason.startswith(AUTHOR):
            return False
        file.remove(self.path)
        return True
