# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Fences as vmgenctl(1) keeps them: a file named like the unit, which holds the reason."""

import os

from samba_ad import file

# FENCE_REASON_SIZE of daemon/fence.h, less the line break and the end.
REASON_BYTES = 510
AUTHOR = "vmgend-samba-ad: "


class Fence:
    def __init__(self, state_directory, unit):
        self.directory = os.path.join(state_directory, "fence")
        self.unit = unit
        self.path = os.path.join(self.directory, unit)

    def reason(self):
        """None: not fenced. Of whatever else has this name it can be said that it is there."""
        try:
            text = file.read(self.path)
        except OSError as e:
            return f"{self.path}: {e.strerror}"
        if text is None:
            return None
        return text.split("\n")[0] or "no reason was given"

    def set(self, reason, command):
        """What is too long is cut off before the command to go on with. Raises OSError."""
        line = " ".join((AUTHOR + reason).split()) + " "
        room = max(0, REASON_BYTES - len(command.encode()))
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        file.sync_directory(os.path.dirname(self.directory))
        file.replace(self.path, line.encode()[:room].decode(errors="ignore") + command + "\n")

    def lift_own(self):
        """Lifts the fence if this program has set it; says whether none is left."""
        reason = self.reason()
        if reason is None:
            return True
        if not reason.startswith(AUTHOR):
            return False
        file.remove(self.path)
        return True
