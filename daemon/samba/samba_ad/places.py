# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Where Samba domain controllers run, started by anybody, as the kernel tells of processes:
nothing that a process says itself is believed. Imports only what python3-minimal has."""

import collections
import os
import re

from samba_ad import holders

SERVER = "samba"
# Where the packages of distributions have it, and their Python modules belong to it.
PACKAGED = ("/usr/sbin/samba", "/usr/bin/samba", "/sbin/samba")
# As fence_unit() of daemon/record/fencefile.c.
UNIT_NAME = re.compile(r"[A-Za-z0-9:_\\@-][A-Za-z0-9:_.\\@-]*\.service")
# unit: None where the service manager of this system has not started it. apart: in a container,
# which has its own process IDs.
Running = collections.namedtuple("Running", "pid program group unit apart")


def target(pid, name):
    """Of a link in /proc, which may be any text; nothing of what it names is looked at."""
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def program(pid):
    """Of what a package upgrade has replaced the name still counts."""
    return target(pid, "exe").removesuffix(" (deleted)")


def group(pid):
    """The control group: the one that the service manager has made."""
    found = "/"
    try:
        with holders.lines_of(f"/proc/{pid}/cgroup") as f:
            for line in f:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if controllers in ("", "name=systemd") and path != "/":
                    found = path
    except (OSError, ValueError):
        pass
    return found


def unit_of(path):
    """The service of this system that a control group belongs to, or None."""
    names = path.split("/")
    if "user.slice" in names:
        return None
    return next((name for name in names if UNIT_NAME.fullmatch(name)), None)


def servers():
    """The processes whose program is called samba."""
    return [pid for pid in holders.processes() if os.path.basename(program(pid)) == SERVER]


def running():
    """[Running], one for each group: those of root that have a database open."""
    spaces, found = target("self", "ns/pid"), {}
    for pid in servers():
        place = group(pid), target(pid, "ns/pid") != spaces
        if place not in found and holders.identity(pid)[0] == 0 and holders.has_database(pid):
            path, apart = place
            found[place] = Running(pid, program(pid), path, None if apart else unit_of(path), apart)
    return list(found.values())


def inode(path):
    """(device, inode number), or None."""
    try:
        st = os.stat(path)
    except OSError:
        return None
    return st.st_dev, st.st_ino


def databases(unit):
    """What the processes of a unit, which root has set up, have open: {name or inode()}."""
    found = set()
    for pid in servers():
        if holders.identity(pid)[0] == 0 and unit_of(group(pid)) == unit:
            for link, name in holders.links(pid):
                if os.path.basename(name) == "sam.ldb":
                    found |= {name, inode(link)}
    return found


def rootless():
    """The processes of that name in the containers of other users. Everybody can have one, so
    no more than their number is told."""
    spaces = target("self", "ns/user")
    return [pid for pid in servers()
            if holders.identity(pid)[0] != 0 and target(pid, "ns/user") not in ("", spaces)]


def printable(text):
    return "".join(c if c.isprintable() else "?" for c in text)
