# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The QEMU programs: the machine's own, and a newer one of another Debian suite.

QEMU before 9.0 forgets on the way into a snapshot that the guest was asleep, and before 8.1 one
CPU may run code that another one is just changing, as Linux does to its own while it boots: it
then dies of a breakpoint of its own making (https://bugs.launchpad.net/bugs/2051965). The newer
one is unpacked into the cache with all its libraries, and nothing of it is installed.
"""

import dataclasses
import os
import pathlib
import subprocess

from harness import cache
from harness.suite import unpack

NEWER_SUITES = ("trixie", "trixie-security")
PACKAGE = "qemu-system-x86"


@dataclasses.dataclass(frozen=True)
class Qemu:
    command: tuple
    env: tuple = ()     # ((name, value), ...)

    def environment(self):
        return {**os.environ, **dict(self.env)}

    def version(self):
        r = subprocess.run([*self.command, "--version"], env=self.environment(), check=True,
                           capture_output=True, text=True)
        return r.stdout.splitlines()[0]


SYSTEM = Qemu(("qemu-system-x86_64",))
ARM = Qemu(("qemu-system-aarch64",))


def unpacked(root):
    """QEMU of a system that is not the machine's: with that system's loader and libraries."""
    usr = pathlib.Path(root) / "usr"
    lib = usr / "lib/x86_64-linux-gnu"
    return Qemu((str(usr / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(lib),
                 str(usr / "bin/qemu-system-x86_64"),
                 "-L", str(usr / "share/seabios"), "-L", str(usr / "share/qemu")),
                (("QEMU_MODULE_DIR", str(lib / "qemu")),))


def newer():
    """QEMU 9.0 or newer, fetched first where it is not in the cache."""
    target = cache.directory() / "qemu" / NEWER_SUITES[0]
    with cache.locked("qemu") as new:
        if not target.is_dir():
            target.parent.mkdir(exist_ok=True)
            unpack(NEWER_SUITES, new / "root", "--variant=extract", f"--include={PACKAGE}")
            (new / "root").rename(target)
    return unpacked(target)
