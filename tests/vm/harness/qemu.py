# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The QEMU programs: the machine's own, a newer one of another Debian suite, and the newest.

QEMU before 9.0 forgets on the way into a snapshot that the guest was asleep, and before 8.1 one
CPU may run code that another one is just changing, as Linux does to its own while it boots: it
then dies of a breakpoint of its own making (https://bugs.launchpad.net/bugs/2051965). The newer
ones are unpacked into the cache with all their libraries, and nothing of them is installed.
"""

import dataclasses
import os
import pathlib
import subprocess
import time

from harness import cache
from harness.suite import unpack

NEWER_SUITES = ("trixie", "trixie-security")
# What becomes another one without another name; it is fetched again each month.
NEWEST_SUITES = ("sid",)
PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "qemu-system-aarch64": "qemu-system-arm"}


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


def unpacked(root, program):
    """QEMU of a system that is not the machine's: with that system's loader and libraries."""
    usr = pathlib.Path(root) / "usr"
    lib = usr / "lib/x86_64-linux-gnu"
    return Qemu((str(usr / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(lib),
                 str(usr / "bin" / program),
                 "-L", str(usr / "share/seabios"), "-L", str(usr / "share/qemu")),
                (("QEMU_MODULE_DIR", str(lib / "qemu")),))


def fetched(name, suites, program):
    """That of these suites, fetched first where it is not in the cache under that name."""
    target = cache.directory() / "qemu" / name
    with cache.locked("qemu") as new:
        if not target.is_dir():
            target.parent.mkdir(exist_ok=True)
            unpack(suites, new / "root", "--variant=extract", f"--include={PACKAGES[program]}")
            (new / "root").rename(target)
        return unpacked(cache.used(target), program)


def newer():
    """QEMU 9.0 or newer."""
    return fetched(NEWER_SUITES[0], NEWER_SUITES, SYSTEM.command[0])


def newest(system=SYSTEM):
    """What Debian will have next: of this month, and for ARM as well."""
    program, = system.command
    month = time.strftime("%Y-%m", time.gmtime())
    return fetched(f"{NEWEST_SUITES[0]}-{month}-{program.rsplit('-', 1)[1]}", NEWEST_SUITES, program)
