# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Systems of a release of Debian in which packages are built: by the README's own commands, in one
that has had nothing to build with, or for another architecture.

What the first build has brought stays in the cache, for the next ones.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil

from harness import cache, readme
from harness.kernel import run
from harness.suite import unpack

NATIVE = "amd64"
TOP = pathlib.Path(__file__).resolve().parents[3]
CONTROL = TOP / "packaging/debian/control"
# What of this machine's apt reaches others, too; all else of a shell is not the user's.
KEPT = ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
# {package: KiB} of what building has brought to a system.
BROUGHT = "brought.json"


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def suites(name):
    """Those that a system of this release gets packages of."""
    return (name,) if name == "testing" else (name, f"{name}-security")


def version():
    line = next(line for line in (TOP / "Makefile").read_text("utf-8").splitlines()
                if line.startswith("VERSION "))
    return line.split()[-1]


def make(target, directory, number):
    environment = {k: v for k, v in os.environ.items()
                   if k not in ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "O")}
    run(["make", "-s", target, f"O={directory}", f"VERSION={number}"], cwd=TOP, env=environment)


def inside(root, directory, command):
    """The output of a shell command in a chroot, with as little of this environment as it needs."""
    script = ('mount --rbind /dev "$1/dev"; mount -t proc proc "$1/proc"; '
              'exec chroot "$1" sh -ec "cd $2; $3"')
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                   **{name: os.environ[name] for name in KEPT if name in os.environ}}
    return run(["unshare", "--mount", "--uts", "sh", "-ec", script, "sh", str(root), directory,
                command], env=environment)


# ---- by the README ----------------------------------------------------------------------------


def commands():
    """Those of the README that build packages, from its first one on."""
    lines = readme.blocks("README.md", "### Packages")[0].splitlines()
    return lines[:lines.index("make deb") + 1]


def minimal(suite, root, *words):
    """A system with nothing but apt and what that needs, and apt's lists."""
    unpack(suites(suite), root, "--variant=minbase", "--skip=cleanup/apt", *words)


def sizes(root):
    """{package: KiB}"""
    text = inside(root, "/", r"dpkg-query -W -f '${Package} ${Installed-Size}\n'")
    return {name: int(size) for name, size in re.findall(r"(?m)^(\S+) (\d+)$", text)}


def by_readme(root, number, directory):
    """Builds there what make dist has packed; returns the directory with the packages."""
    # Not beside the system, whose files make would take for its own.
    packed = directory / "packed"
    make("dist", packed, number)
    run(["tar", "-xf", packed / f"dist/vmgen-{number}.tar.gz", "-C", root / "root"])
    for line in commands():
        if line == "make deb" and number != version():
            line += f" VERSION={number}"
        inside(root, f"/root/vmgen-{number}", line)
    return root / f"root/vmgen-{number}/build/deb"


def build_first(root, suite, number, directory):
    """The same in a system that is minimal until then."""
    minimal(suite, root)
    (root / "etc/apt/apt.conf.d/90yes").write_text('APT::Get::Assume-Yes "true";\n', "ascii")
    before = sizes(root)
    debs = by_readme(root, number, directory)
    brought = {name: size for name, size in sizes(root).items() if name not in before}
    (root / BROUGHT).write_text(json.dumps(brought), "ascii")
    return debs


def keep(root, new, target):
    inside(root, "/", "apt-get clean; rm -r /var/lib/apt/lists/*")
    run(["tar", "-C", root, "--exclude=./root/*", "-cf", new / "root.tar", "."])
    target.parent.mkdir(exist_ok=True)
    (new / "root.tar").rename(target)


def build(suite, number, directory, again=False):
    """Returns a directory below this one, with the packages and what building them brought.

    Again: in a minimal system, and nothing is kept.
    """
    key = digest(CONTROL.read_text("utf-8").split("\nPackage:")[0], *commands(),
                 (TOP / "packaging/dependencies.mk").read_text("utf-8"))
    target = cache.directory() / "builders" / f"{suite}-{key}.tar"
    root = directory / "root"
    with cache.locked(f"builders-{suite}") as new:
        first = again or not target.exists()
        if first:
            debs = build_first(root, suite, number, directory)
            if not again:
                keep(root, new, target)
    if not first:
        root.mkdir()
        run(["tar", "-xf", cache.used(target), "-C", root])
        debs = by_readme(root, number, directory)
    shutil.copy(root / BROUGHT, debs)
    return debs


# ---- for another architecture -----------------------------------------------------------------


def cross_builder(suite, arch):
    """A tar file with a system that has what packages are built with for the architecture."""
    wanted = run(["sed", "-n", "/^Build-Depends:/,/^[^ ]*:/p", CONTROL])
    name = f"{suite}-{arch}"
    # And ps(1), which unit tests call.
    tools = ("build-essential", "procps", f"crossbuild-essential-{arch}")
    target = cache.directory() / "builders" / f"{name}-{digest(wanted, *tools)}.tar"
    with cache.locked(f"builders-{name}") as new:
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            take = ('mkdir -p "$1/var/tmp/vmgen/debian" && '
                    f'cp {CONTROL} "$1/var/tmp/vmgen/debian" && '
                    'chroot "$1" apt-get -y --no-install-recommends '
                    f'-a {arch} build-dep /var/tmp/vmgen')
            unpack(suites(suite), new / "root.tar", "--variant=apt",
                   f"--include={','.join(tools)}",
                   f"--architectures={NATIVE},{arch}", f"--customize-hook={take}")
            (new / "root.tar").rename(target)
    return cache.used(target)


def cross_build(suite, number, directory, arch):
    """The same for another architecture; what is of none is the same."""
    make("deb-tree", directory, number)
    root = directory / "root"
    root.mkdir()
    run(["tar", "-xf", cross_builder(suite, arch), "-C", root])
    shutil.copytree(directory / "deb", root / "root/deb", symlinks=True)
    inside(root, f"/root/deb/vmgen-{number}", f"dpkg-buildpackage -us -uc -B -a {arch}")
    return root / "root/deb"
