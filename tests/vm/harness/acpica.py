# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The kernel's ACPICA for tests/acpica: its source, and the archive that is built of it.

The source is that of Debian's newest kernel, or in the tree that ACPICA_SRC names. Both it and
what is built are in the cache, the archive by the source, the compiler and the flags.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

from harness import cache, kernel

CORE = "drivers/acpi/acpica"
HEADERS = "include/acpi"
VERSION = re.compile(r"(?m)^#define ACPI_CA_VERSION\s+0x(\d{8})$")
# Nothing in user space looks for leaks by the kernel's rules.
DEFINES = ("-DBUILDING_ACPICA", "-Dkmemleak_not_leak(memory)=")
# The kernel's own, without which compilers make something else of this code. It reads words at
# any address, which a PC may.
DIALECT = ("-std=gnu11", "-fno-strict-aliasing", "-fwrapv", "-fno-delete-null-pointer-checks", "-w",
           "-fno-sanitize=alignment")


def unpack(target):
    with cache.locked("acpica") as new:
        if target.is_dir():
            return
        print("acpica: fetching the source of Debian's newest kernel", file=sys.stderr)
        try:
            apt = kernel.Apt(new / "apt", ("sid",))
            package = apt.depends("linux-source")[0]
            apt.unpack([package], new / "package")
        except kernel.KernelError as error:
            raise kernel.KernelError(
                f"{error}\nThe source of ACPICA cannot be fetched: connect this machine to its "
                "mirror of Debian once, or name a kernel's source: ACPICA_SRC=DIR") from error
        (new / "source").mkdir()
        kernel.run(["tar", "-xf", new / f"package/usr/src/{package}.tar.xz", "-C", new / "source",
                    "--strip-components=1", f"{package}/{CORE}", f"{package}/{HEADERS}",
                    f"{package}/Makefile"])
        (new / "source").rename(target)


def source():
    named = os.environ.get("ACPICA_SRC")
    tree = pathlib.Path(named).absolute() if named else cache.directory() / "acpica"
    if not named and not tree.is_dir():
        unpack(tree)
    if not (tree / CORE / "accommon.h").is_file() or not (tree / HEADERS / "acpixf.h").is_file():
        raise kernel.KernelError(f"{tree}: no source of a kernel: {CORE} or {HEADERS} is missing. "
                                 + ("ACPICA_SRC has to name one" if named else "Remove it"))
    return tree


def version(tree):
    """ACPICA's, and the kernel's."""
    acpica = VERSION.search((tree / HEADERS / "acpixf.h").read_text("utf-8"))
    parts = dict(re.findall(r"(?m)^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$",
                            (tree / "Makefile").read_text("utf-8"))) if (
                                tree / "Makefile").is_file() else {}
    linux = f"Linux {'.'.join(parts.values())}" if parts else "an unknown kernel"
    return f"{acpica.group(1) if acpica else 'unknown'} of {linux}"


def files(tree):
    """What every kernel with ACPI and PCI has."""
    makefile = (tree / CORE / "Makefile").read_text("utf-8")
    names = " ".join(re.findall(r"(?m)^acpi-(?:y|\$\(CONFIG_PCI\))\s*[:+]=((?:.*\\\n)*.*)$", makefile))
    return [tree / CORE / f"{name}.c" for name in sorted(set(re.findall(r"(\w+)\.o\b", names)))]


def key(tree, compiler):
    """Of all that the archive depends on."""
    digest = hashlib.sha256(repr((compiler, DEFINES, DIALECT)).encode())
    digest.update(subprocess.run([compiler[0], "--version"], stdout=subprocess.PIPE, check=True,
                                 timeout=60).stdout)
    for path in sorted((tree / CORE).glob("*.[ch]")) + sorted((tree / HEADERS).rglob("*.h")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def place_headers(tree, directory):
    """The kernel's for ACPICA alone: its others are not for user space."""
    (directory / "linux").mkdir(parents=True)
    (directory / "linux/kmemleak.h").touch()
    # ACPICA's own are not below a directory of this name in the kernel.
    (directory / "acpi").mkdir()
    for path in [*(tree / CORE).glob("*.h"), *(tree / HEADERS).glob("*.h")]:
        shutil.copy(path, directory / "acpi")
    shutil.copytree(tree / HEADERS / "platform", directory / "acpi/platform")


def build(tree, compiler, new):
    include = new / "include"
    place_headers(tree, include)
    command = [*compiler, *DIALECT, *DEFINES, f"-I{include}", f"-I{include}/acpi"]

    def compile_one(path):
        kernel.run([*command, "-c", "-o", new / f"{path.stem}.o", path])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, files(tree)))
    (new / "built").mkdir()
    kernel.run(["ar", "rcs", new / "built/acpica.a", *sorted(new.glob("*.o"))])
    include.rename(new / "built/include")


def archive(compiler):
    tree = source()
    name = key(tree, compiler)
    built = cache.directory() / "acpica-built"
    built.mkdir(exist_ok=True)
    if not (built / name).is_dir():
        with cache.locked("acpica-build") as new:
            if not (built / name).is_dir():
                build(tree, compiler, new)
                (new / "built").rename(built / name)
    return cache.used(built / name)


def place(directory, compiler):
    """What the Makefile's rules use: acpica.a, include and acpica-version.h."""
    directory.mkdir(parents=True, exist_ok=True)
    made = archive(compiler)
    shutil.copytree(made / "include", directory / "include", dirs_exist_ok=True)
    (directory / "acpica-version.h").write_text(
        f'#define ACPICA_VERSION "{version(source())}"\n', "ascii")
    # Last, and new: make asks how old it is.
    shutil.copyfile(made / "acpica.a", directory / "acpica.a")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("source", help="print where the source is, fetched first")
    p = commands.add_parser("build", help="build the archive, or take it from the cache")
    p.add_argument("directory", type=pathlib.Path)
    p.add_argument("compiler", nargs="+", help="after --, with flags")
    args = parser.parse_args()
    if args.command == "source":
        print(source())
    else:
        place(args.directory, args.compiler)


if __name__ == "__main__":
    try:
        main()
    except (kernel.KernelError, OSError) as error:
        sys.exit(f"acpica.py: {error}")
