# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Clones that share the memory of their snapshot until they write to it, as on hosts that start many
from one file: each page that a clone writes to becomes one of its own, which the host counts.

    with debian.boot(guid, shared=True) as g:
        original = private.save(g, "name")
    with private.Clone(original, guid) as c:
        c.resume()
        private.pages(c)
"""

import re
import shlex
import subprocess

from harness import guest

PAGE_KIB = 4
# QEMU's name for: the file has the memory, so it need not be written once more.
SHARED_MEMORY = [{"capability": "x-ignore-shared", "state": True}]
# Zeroes take no room.
COPY = ("cp", "--sparse=always")


def save(g, name):
    """A snapshot of a guest with shared=True, which can go on afterwards."""
    g.ask("migrate-set-capabilities", capabilities=SHARED_MEMORY)
    snapshot = g.save(name)
    memory = snapshot.path.with_name(f"{name}-memory")
    subprocess.run([*COPY, g.memory_path(), memory], check=True)
    snapshot.arguments = [word.replace(g.memory_path(), str(memory)).replace("share=on", "share=off")
                          for word in snapshot.arguments]
    return snapshot


class Clone(guest.Process):
    """It is paused when this returns, so that its own pages can be counted before it runs."""

    def __init__(self, snapshot, guid):
        super().__init__(snapshot.machine, [*snapshot.arguments, "-incoming", "defer"], guid, "clone",
                         snapshot.disk)
        try:
            self.ask("migrate-set-capabilities", capabilities=SHARED_MEMORY)
            self.ask("migrate-incoming", uri=f"exec:cat {shlex.quote(str(snapshot.path))}")
            self.wait_until_loaded()
        except BaseException:
            self.close()
            raise

    def wait_until_loaded(self):
        self._wait_for("query-status", "paused")


def pages(clone):
    """How many pages of its memory are not the snapshot's any more."""
    with open(f"/proc/{clone.process.pid}/smaps", encoding="utf-8") as file:
        mappings = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", file.read())
    own = [int(re.search(r"(?m)^Anonymous: +(\d+) kB$", mapping)[1]) for mapping in mappings
           if mapping.split("\n", 1)[0].endswith(clone.memory_path())]
    if not own:
        raise guest.GuestError(f"{clone.memory_path()} is not mapped")
    return sum(own) // PAGE_KIB
