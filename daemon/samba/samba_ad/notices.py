# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What an administrator still has to know or do: a file for each, with one line, which "vmgenctl
check" and --check show until it is removed. Nothing here decides anything."""

import os

from samba_ad import file

# NOTICE_SIZE of daemon/record/noticefile.h, less the line break and the end.
LINE_BYTES = 1022


class Notices:
    def __init__(self, state):
        self.state = state
        self.directory = os.path.join(state.directory, "notices")

    def set(self, name, text):
        """Written only where it says something else: a disk that is slow is not asked each time."""
        line = " ".join(text.split()).encode()[:LINE_BYTES].decode(errors="ignore") + "\n"
        if file.read(os.path.join(self.directory, name)) == line:
            return
        self.state.make()
        file.make_directory(self.directory)
        file.replace(os.path.join(self.directory, name), line)

    def has(self, name):
        return os.path.lexists(os.path.join(self.directory, name))

    def clear(self, name):
        file.remove(os.path.join(self.directory, name))

    def all(self):
        """[(name, line)]"""
        try:
            names = sorted(n for n in os.listdir(self.directory) if not n.startswith("."))
        except OSError:
            return []
        found = [(n, file.read(os.path.join(self.directory, n))) for n in names]
        return [(n, text.split("\n")[0]) for n, text in found if text]
