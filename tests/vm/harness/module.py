# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Builds a kernel module against a kernel from the cache, as Debian would build it there.

Kernels newer than this machine's compiler are served in a chroot of their own suite, one for all
kernels of the suite; it is made when it is first needed and kept in the cache.
"""

import argparse
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import sys

from harness import cache, kernel as kernels
from harness.kernel import KernelError, run
from harness.suite import unpack

# What the machine's own compiler is called, for kernels without a chroot.
COMPILER = "gcc-12"
# What the kernel's make has to be told for another architecture, and with which compiler. That one
# is in a chroot because it and the machine's gcc-multilib exclude each other.
VARIABLES = {"arm64": ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"),
             "riscv64": ("ARCH=riscv", "CROSS_COMPILE=riscv64-linux-gnu-")}
CROSS = {"arm64": ("gcc-aarch64-linux-gnu",), "riscv64": ("gcc-riscv64-linux-gnu",)}
# What Debian's compilers and kernel headers take for granted.
ALWAYS = ("make", "binutils")
STAMP = "build.hash"


def make_chroot(suites, tools, renew=False):
    """A small system of the first of these suites that has at least these packages.

    With renew it is made again of what the suites have now, for suites that move on.
    """
    target = cache.directory() / "chroots" / suites[0]
    known = target / "tools.json"
    tools = {*ALWAYS, *tools}
    with cache.locked("chroots") as new:
        have = set() if renew or not known.exists() else set(json.loads(known.read_text("ascii")))
        if not have.issuperset(tools):
            tools = sorted(have.union(tools))
            made = new / suites[0]
            made.mkdir()
            unpack(suites, made / "root", "--variant=essential", f"--include={','.join(tools)}")
            (made / "tools.json").write_text(json.dumps(tools), "ascii")
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                target.rename(new / "old")
            made.rename(target)
    return target / "root"


def run_in_chroot(kernel, out_dir, command, env):
    """Run make inside, with headers and module at their own paths."""
    if os.geteuid():
        raise KernelError(f"{kernel.name}: its modules are built in a chroot, which needs root")
    root = make_chroot(kernel.chroot, (*CROSS.get(kernel.arch, ()), *kernel.tools))
    script = ('root=$1; shift; mount --rbind /dev "$root/dev"; mount -t proc proc "$root/proc"; '
              'for d in "$1" "$2"; do mkdir -p "$root$d"; mount --bind "$d" "$root$d"; done; '
              'shift 2; exec chroot "$root" "$@"')
    # Shared: nobody replaces the chroot meanwhile.
    with open(cache.directory() / "chroots.lock", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        return run(["unshare", "--mount", "sh", "-ec", script, "sh", str(root),
                    str(kernel.root), str(out_dir), *command], env=env)


def source_hash(kernel, source_dir):
    h = hashlib.sha256(f"{kernel.release} {os.environ.get('KCFLAGS', '')}\n".encode())
    for path in sorted(p for p in source_dir.rglob("*") if p.is_file()):
        content = path.read_bytes()
        h.update(f"{path.relative_to(source_dir)} {len(content)}\n".encode() + content)
    return h.hexdigest()


def copy_source(source_dir, out_dir):
    if not source_dir.is_dir():
        raise KernelError(f"{source_dir}: no such directory")
    if out_dir.exists():
        if any(out_dir.iterdir()) and not (out_dir / STAMP).exists():
            raise KernelError(f"{out_dir} is in use for something else: name an empty directory")
        shutil.rmtree(out_dir)
    shutil.copytree(source_dir, out_dir)
    # From here on the directory is known as ours, also when the build fails.
    (out_dir / STAMP).write_text("", "ascii")


def build(kernel, source_dir, out_dir):
    """Build the module in a copy of source_dir; returns the path of the one .ko it makes.

    KCFLAGS of the environment reaches the compiler. The messages are in out_dir/build.log.
    """
    source_dir, out_dir = pathlib.Path(source_dir).resolve(), pathlib.Path(out_dir).resolve()
    stamp = out_dir / STAMP
    wanted = source_hash(kernel, source_dir)
    if not stamp.exists() or stamp.read_text("ascii") != wanted:
        copy_source(source_dir, out_dir)
        command = ["make", "-C", str(kernel.headers), f"M={out_dir}", "modules",
                   *VARIABLES.get(kernel.arch, ())]
        if "CONFIG_GCOV_KERNEL=y" in kernel.config.read_text("ascii"):
            command.append("GCOV_PROFILE=y")
        # Variables of a make that runs this are not meant for the kernel's.
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKEOVERRIDES", "O")}
        if kernel.chroot:
            log = run_in_chroot(kernel, out_dir, command, env)
        else:
            log = run([*command, f"CC={COMPILER}"], env=env)
        (out_dir / "build.log").write_text(log, encoding="utf-8")
        stamp.write_text(wanted, "ascii")
    modules = list(out_dir.glob("*.ko"))
    if len(modules) != 1:
        raise KernelError(f"{source_dir}: made {len(modules)} modules, not one")
    return modules[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=kernels.KERNELS)
    parser.add_argument("--source", required=True, help="directory with the module's Kbuild")
    parser.add_argument("--out", required=True, help="directory to build in; replaced")
    args = parser.parse_args()
    print(build(kernels.load(args.name), args.source, args.out))


if __name__ == "__main__":
    try:
        main()
    except (KernelError, OSError) as error:
        sys.exit(f"module.py: {error}")
