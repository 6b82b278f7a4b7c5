# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Builds the kernels of make check-debug, of which Debian ships only the source: see debug.config.

Of the tree only what modules are built with is kept, in the place where a header package has it.
That for another architecture is built in the chroot where modules for it are, with its compiler.
"""

import json
import os
import re

from harness import kernel as kernels, module

KEPT = (".config", "Makefile", "Module.symvers", "include", "scripts")
# By architecture: what else of the tree, and the image, as make's target and as a file.
KEPT_OF = {"amd64": ("arch/x86", "tools/objtool/objtool"), "arm64": ("arch/arm64",)}
IMAGE = {"amd64": ("bzImage", "arch/x86/boot/bzImage"), "arm64": ("Image", "arch/arm64/boot/Image")}
# What a make that runs this was told is not meant for the kernel's.
MAKE = ("env", "-u", "MAKEFLAGS", "-u", "MAKEOVERRIDES", "-u", "O", "-u", "KCFLAGS",
        "nice", "-n", "5", "make")
# What a chroot needs for programs of the build itself; on the machine they are there.
TOOLS = ("bc", "bison", "flex", "gcc-12", "libc6-dev")


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


def maker(source, tree, revision):
    """A function that runs the tree's make with these arguments, and returns what it says."""
    command = [*MAKE, "-C", str(tree), f"LOCALVERSION=-{revision}-{kernels.mark(source)}"]
    if not source.chroot:
        command.append(f"CC={module.COMPILER}")
        return lambda *arguments: kernels.run([*command, *arguments])
    command += [*module.VARIABLES[source.arch], f"HOSTCC={module.COMPILER}"]
    unfinished = kernels.Kernel("debug", "", tree, TOOLS, source.suites, source.arch)
    return lambda *arguments: module.run_in_chroot(unfinished, tree, [*command, *arguments], None)


def configure(make, tree, text):
    (tree / "all.config").write_text(text, "ascii")
    make(f"KCONFIG_ALLCONFIG={tree / 'all.config'}", "allnoconfig")
    # Kconfig drops in silence what it does not know, or what something else is missing for.
    made = (tree / ".config").read_text("ascii").splitlines()
    dropped = [line for line in text.splitlines()
               if line.startswith("CONFIG_") and line not in made]
    if dropped:
        raise kernels.KernelError(f"{tree.name}: this kernel does not take {' '.join(dropped)}")


def build(source, new):
    """Build a kernel in a directory below new; returns its release, which names the directory."""
    apt = kernels.Apt(new / "apt", source.suites, dict.fromkeys(("amd64", source.arch)))
    tree, revision = unpack(apt, source.release, new / "source")
    make = maker(source, tree, revision)
    configure(make, tree, kernels.config(source))
    target, image = IMAGE[source.arch]
    make(f"-j{os.cpu_count()}", target, "modules")
    release = make("-s", "kernelrelease").strip()

    root = new / release
    headers = root / "usr/src" / f"linux-headers-{release}"
    headers.mkdir(parents=True)
    kernels.run(["cp", "-a", "--parents", *KEPT, *KEPT_OF[source.arch], headers], cwd=tree)
    kernels.run(["find", headers, "-name", "*.o", "-delete"])
    (root / "boot").mkdir()
    kernels.run(["cp", tree / image, root / "boot" / f"vmlinuz-{release}"])
    kernels.run(["cp", tree / ".config", root / "boot" / f"config-{release}"])
    (root / "kernel.json").write_text(json.dumps({"release": release, "tools": []}), "ascii")
    if source.arch != "amd64":
        kernels.unpack_busybox(apt, source, root)
    return release
