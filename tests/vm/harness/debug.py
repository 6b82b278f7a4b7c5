# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Builds the kernel of make check-debug, of which Debian ships only the source: see debug.config.

Of the tree only what modules are built with is kept, in the place where a header package has it.
"""

import json
import os
import re

from harness import kernel as kernels, module

KEPT = (".config", "Makefile", "Module.symvers", "arch/x86", "include", "scripts",
        "tools/objtool/objtool")
# What a make that runs this was told is not meant for the kernel's.
MAKE = ("env", "-u", "MAKEFLAGS", "-u", "MAKEOVERRIDES", "-u", "O", "-u", "KCFLAGS",
        "nice", "-n", "5", "make", f"CC={module.COMPILER}")


def unpack(apt, package, directory):
    """The source tree of a package, and Debian's revision of it."""
    apt.unpack([package], directory)
    tree = directory / "tree"
    tree.mkdir()
    kernels.run(["tar", "-xf", directory / f"usr/src/{package}.tar.xz", "-C", tree,
                 "--strip-components=1"])
    about = kernels.run(["apt-cache", "show", "--no-all-versions", package], env=apt.env)
    version = re.search(r"(?m)^Version: (\S+)$", about).group(1)
    return tree, version.rsplit("-", 1)[1]


def configure(make, tree, config):
    kernels.run([*make, f"KCONFIG_ALLCONFIG={config}", "allnoconfig"])
    # Kconfig drops in silence what it does not know, or what something else is missing for.
    made = (tree / ".config").read_text("ascii").splitlines()
    dropped = [line for line in config.read_text("ascii").splitlines()
               if line.startswith("CONFIG_") and line not in made]
    if dropped:
        raise kernels.KernelError(f"{config}: this kernel does not take {' '.join(dropped)}")


def build(source, new):
    """Build a kernel in a directory below new; returns its release, which names the directory."""
    apt = kernels.Apt(new / "apt", source.suites)
    tree, revision = unpack(apt, source.release, new / "source")
    make = [*MAKE, "-C", tree, f"LOCALVERSION=-{revision}-{kernels.mark(source.config)}"]
    configure(make, tree, kernels.config_path(source.config))
    kernels.run([*make, f"-j{os.cpu_count()}", "bzImage", "modules"])
    release = kernels.run([*make, "-s", "kernelrelease"]).strip()

    root = new / release
    headers = root / "usr/src" / f"linux-headers-{release}"
    headers.mkdir(parents=True)
    kernels.run(["cp", "-a", "--parents", *KEPT, headers], cwd=tree)
    kernels.run(["find", headers, "-name", "*.o", "-delete"])
    (root / "boot").mkdir()
    kernels.run(["cp", tree / "arch/x86/boot/bzImage", root / "boot" / f"vmlinuz-{release}"])
    kernels.run(["cp", tree / ".config", root / "boot" / f"config-{release}"])
    (root / "kernel.json").write_text(json.dumps({"release": release, "tools": []}), "ascii")
    return release
