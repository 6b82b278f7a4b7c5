# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Samba of a Debian suite, for tests with real servers: nothing of it gets onto the machine.

It lies in a root directory in the cache. A test runs in namespaces of its own, where it sees that
directory under a layer that ends with it, and a network that nobody else sees.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import time

from harness import cache, kernel as kernels, tap
from harness.suite import unpack

# samba-ad-dc brings the server and python3-samba; bind9-dnsutils nsupdate; lmdb-utils mdb_copy,
# with which Samba copies a database that is not made of tdb files, as tdb-tools has it for these.
PACKAGES = ("samba-ad-dc", "samba-ad-provision", "ldb-tools", "bind9", "bind9-dnsutils",
            "lmdb-utils", "tdb-tools", "rsync")
# What becomes another one without another name.
MOVING = ("testing",)
CHECKOUT = pathlib.Path(__file__).parents[3]
# Where the checkout is in the root.
SOURCE = "/usr/src/vmgen"
# What runs there with its Python.
GUEST = f"{SOURCE}/tests/samba/guest"
# Set in the namespaces: the directory with root and scratch.
PLACE = "VMGEN_SAMBA"
NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
              "--mount-proc")
# Relative paths, because the options of overlay have no quotes. Memory, because a provision
# syncs its files for longer than it computes.
LAYERS = """
mount -t tmpfs tmpfs "$1/scratch"
cd "$1/scratch"
mkdir upper work root
mount -t overlay overlay -o lowerdir=../root,upperdir=upper,workdir=work root
mount --rbind /dev root/dev
mount -t proc proc root/proc
mkdir root$3
mount --bind "$2" root$3
ip link set lo up
"""


# Samba has its access lists there.
ATTRIBUTES = ("--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner")


class SambaError(Exception):
    pass


def make(suite):
    """The directory with the root, from the cache."""
    month = (time.strftime("%Y-%m", time.gmtime()),) if suite in MOVING else ()
    known = hashlib.sha256(" ".join(PACKAGES + month).encode()).hexdigest()[:8]
    target = cache.directory() / "samba" / f"{suite}-{known}"
    if target.exists():
        # Without waiting for who makes that of another suite.
        return cache.used(target)
    with cache.locked(f"samba-{suite}") as new:
        if not target.exists():
            made = new / target.name
            (made / "scratch").mkdir(parents=True)
            unpack((suite, f"{suite}-security"), made / "root", "--variant=essential",
                   f"--include={','.join(PACKAGES)}", "--dpkgopt=path-exclude=/usr/share/doc/*")
            target.parent.mkdir(exist_ok=True)
            made.rename(target)
    return cache.used(target)


def root():
    return pathlib.Path(os.environ[PLACE]) / "scratch/root"


def path(inside):
    """Where a file of the root is for the test."""
    return root() / inside.lstrip("/")


def execute(*command, stdin="", environment=None):
    """Run a command in the root; returns its status and what it printed."""
    r = subprocess.run(["chroot", root(), *command], input=stdin, text=True, check=False,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
                       env={"PATH": os.environ["PATH"], "HOME": "/root", "LANG": "C.UTF-8",
                            **(environment or {})})
    return r.returncode, r.stdout


def run(*command, **kwargs):
    status, output = execute(*command, **kwargs)
    if status:
        raise SambaError(f"{' '.join(command)}: exit status {status}\n{output}")
    return output


def kept(name, make):
    """Have what make() makes below /srv, from the cache where an earlier test has made it.

    It is made again when this package or Samba is another one, and each week: passwords get old.
    """
    sources = sorted(pathlib.Path(__file__).parent.glob("*.py"))
    text = "".join(path.read_text("utf-8") for path in sources)
    week = time.strftime("%G-%V", time.gmtime())
    known = hashlib.sha256("\0".join((os.environ[PLACE], week, text)).encode()).hexdigest()[:16]
    target = cache.directory() / "domains" / f"{name}-{known}.tar"
    with cache.locked(f"domain-{name}") as new:
        if target.exists():
            kernels.run(["tar", "-xf", target, *ATTRIBUTES, "-C", path("/srv")])
        else:
            make()
            target.parent.mkdir(exist_ok=True)
            kernels.run(["tar", "-cSf", new / "made", *ATTRIBUTES, "-C", path("/srv"), "."])
            (new / "made").rename(target)
    cache.used(target)


def main(scenario):
    """Run a scenario with the Samba of the suite on the command line, and end the process."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} SUITE")
    if PLACE not in os.environ:
        os.environ[PLACE] = str(make(sys.argv[1]))
        os.execvp("unshare", ["unshare", *NAMESPACES, sys.executable, *sys.argv])
    kernels.run(["sh", "-ec", LAYERS, "sh", os.environ[PLACE], CHECKOUT, SOURCE])
    tap.main(scenario)
