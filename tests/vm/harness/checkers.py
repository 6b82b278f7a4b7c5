# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Prints where the kernel's own checkers are, which no package has but the kernel's whole source.
"""

import sys

from harness import cache, kernel

NAMES = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch", "coccinelle")


def fetch(target):
    with cache.locked("checkers") as new:
        if target.is_dir():
            return
        suite = kernel.machine_suite()
        apt = kernel.Apt(new / "apt", (suite, f"{suite}-security"))
        package = apt.depends("linux-source")[0]
        apt.unpack([package], new / "source")
        (new / "scripts").mkdir()
        kernel.run(["tar", "-xf", new / f"source/usr/src/{package}.tar.xz", "-C", new / "scripts",
                    "--strip-components=2", *(f"{package}/scripts/{name}" for name in NAMES)])
        (new / "scripts").rename(target)


def main():
    target = cache.directory() / "checkers"
    if not target.is_dir():
        fetch(target)
    print(target)


if __name__ == "__main__":
    try:
        main()
    except (kernel.KernelError, OSError) as error:
        sys.exit(f"checkers.py: {error}")
