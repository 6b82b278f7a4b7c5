# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Runs the kernel's own checkpatch, which no package has but the kernel's whole source."""

import os
import sys

from harness import cache, kernel

FILES = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")


def fetch(target):
    with cache.locked("checkpatch") as new:
        if target.is_dir():
            return
        suite = kernel.machine_suite()
        apt = kernel.Apt(new / "apt", (suite, f"{suite}-security"))
        package = apt.depends("linux-source")[0]
        apt.unpack([package], new / "source")
        (new / "scripts").mkdir()
        kernel.run(["tar", "-xf", new / f"source/usr/src/{package}.tar.xz", "-C", new / "scripts",
                    "--strip-components=2", *(f"{package}/scripts/{name}" for name in FILES)])
        (new / "scripts").rename(target)


def main():
    target = cache.directory() / "checkpatch"
    if not target.is_dir():
        fetch(target)
    os.execvp("perl", ["perl", str(target / FILES[0]), *sys.argv[1:]])


if __name__ == "__main__":
    try:
        main()
    except (kernel.KernelError, OSError) as error:
        sys.exit(f"checkpatch.py: {error}")
