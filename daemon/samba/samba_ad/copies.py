# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Other files named sam.ldb. That of BIND is repaired, because named would go on with the old
identity; of any other that has another identity than the database it is told what to do."""

import collections
import os
import re
import stat
import time

from samba_ad import holders, identity
from samba_ad.bind_copy import PARTITIONS, BindCopy, lstat
from samba_ad.ends import Failure
from samba_ad.log import say

NOTICE = "copies"
DIRECTORIES = ("private dir", "binddns dir", "state directory", "lock directory", "cache directory")
MOST_ENTRIES = 20_000
MOST_LEVELS = 5
MOST_COPIES = 20
# For all of them; what others may write to can be made to take long.
COPIES_SECONDS = 30
# Of named.conf as Samba writes it, which may name its modules in comments.
DLZ = re.compile(rb'^\s*database\s+"dlopen\s', re.MULTILINE)
MOST_BYTES = 65536
MOST_ATTEMPTS = 3
# As the kernel cuts the name off.
UPGRADE = "samba_upgradedn"
UPGRADE_SECONDS = 30


# --- That of BIND ------------------------------------------------------------------------------

def names_module(path):
    """Whether this named.conf has BIND use Samba's module."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with open(fd, "rb") as f:
        return stat.S_ISREG(os.fstat(fd).st_mode) and bool(DLZ.search(f.read(MOST_BYTES)))


def resolved(directory):
    """A symbolic link is followed if it is root's: named has not made it."""
    st = lstat(directory)
    if st and stat.S_ISLNK(st.st_mode) and not st.st_uid:
        return os.path.realpath(directory)
    return directory


def is_copy(directory):
    """A copy, or what is left of one. BIND9_FLATFILE has files of its own there."""
    if any(lstat(os.path.join(directory, name)) for name in ("sam.ldb", PARTITIONS)):
        return True
    try:
        if os.listdir(directory):
            return False
    except FileNotFoundError:
        pass
    return names_module(os.path.join(os.path.dirname(directory), "named.conf"))


def of_bind(dc):
    """[BindCopy]: one at most, but for what an upgrade of Samba has left in the private
    directory, where it was before 4.8."""
    parents = [os.path.realpath(dc.lp.get(name)) for name in ("binddns dir", "private dir")]
    found = [resolved(os.path.join(parent, "dns")) for parent in dict.fromkeys(parents)]
    return [BindCopy(dc, directory) for directory in found if is_copy(directory)]


def files(dc):
    """Those of the database, and those from which somebody goes on with the old identity as well."""
    return holders.files(dc.path) + [name for copy in of_bind(dc) for name in copy.own_files()]


def wait_for_upgrade():
    """What samba_upgradedns is just making is not whole either."""
    deadline = time.monotonic() + UPGRADE_SECONDS
    # Anyone's process can have the name.
    while pids := [pid for pid in holders.processes() if holders.command(pid) == UPGRADE and
                   holders.identity(pid)[0] == 0]:
        if time.monotonic() > deadline:
            raise Failure(f"samba_upgradedns (process {pids[0]}) makes the copy of BIND again: "
                          "wait until it has ended")
        time.sleep(0.2)


def refresh(p, dc):
    """Gives the copy of BIND the identity of the database, while named is down."""
    for copy in of_bind(dc):
        for _ in range(MOST_ATTEMPTS):
            p.services.take_down_dns()
            before = holders.Database(copy.own_files())
            holders.require_none(copy.path, copy.own_files())
            copy.refresh()
            # Somebody may have started it meanwhile.
            if not holders.of(before):
                break
        else:
            raise Failure(f"{copy.path} is opened again and again while it is fixed: "
                          "stop named")
        if fault := copy.fault():
            raise Failure(f"{fault}; make it again, as root: stop named, run "
                          "samba_upgradedns --dns-backend=BIND9_DLZ; if BIND does not use it any "
                          f"more, remove {copy.directory}")
        say(f"{copy.path}, on which BIND works, has the invocationId {dc.invocation_id()} too")


def faults(dc):
    return [fault for fault in (copy.fault() for copy in of_bind(dc)) if fault]


def settle(p, dc):
    """Where no repair is due: one that was made before may have left out the copy, or somebody
    was killed who made it again. Returns whether there was something to do."""
    if not faults(dc):
        return False
    wait_for_upgrade()
    found = faults(dc)
    for fault in found:
        say(fault)
    if found and not p.options.dry_run:
        refresh(p, dc)
    return bool(found)


# --- All others --------------------------------------------------------------------------------

def mount_points():
    try:
        with open("/proc/self/mountinfo", "rb") as f:
            found = [line.split(b" ")[4] for line in f]
    except OSError:
        return set()
    return {os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), name))
            for name in found}


def entries(directory):
    try:
        with os.scandir(directory) as found:
            yield from found
    except OSError:
        return


def others(dc):
    """Files named sam.ldb that are neither the database nor that of BIND, and whether all of
    Samba's directories were looked through. No symbolic link is followed, and no other file
    system is entered, which may not answer."""
    top = {os.path.realpath(dc.lp.get(name)) for name in DIRECTORIES}
    known = {os.path.realpath(dc.path)} | {copy.path for copy in of_bind(dc)}
    closed = mount_points() | {os.path.realpath(dc.lp.get("path", "sysvol") or "/")}
    queue = collections.deque((directory, 0) for directory in sorted(top))
    found, count = [], 0
    while queue:
        directory, level = queue.popleft()
        for entry in entries(directory):
            count += 1
            if count > MOST_ENTRIES or len(found) > MOST_COPIES:
                return found, False
            if entry.is_dir(follow_symlinks=False):
                if level < MOST_LEVELS and entry.path not in closed and entry.path not in top:
                    queue.append((entry.path, level + 1))
            elif entry.name == "sam.ldb" and entry.is_file(follow_symlinks=False) and \
                    entry.path not in known:
                found.append(entry.path)
    return found, True


def configuration(path):
    """The file of a copy that has the configuration, or None."""
    for entry in entries(f"{path}.d"):
        if entry.name.upper().startswith("CN=CONFIGURATION,") and entry.name.endswith(".ldb") and \
                entry.is_file(follow_symlinks=False):
            return entry.path
    return None


def strays(dc):
    """[(path, invocationId)] of those that have an identity of this controller, but another one
    than the database has now."""
    own, found = dc.invocation_id(), []
    deadline = time.monotonic() + COPIES_SECONDS
    for path in others(dc)[0]:
        name = configuration(path) if time.monotonic() < deadline else None
        value = identity.read(name, str(dc.ntds_dn)) if name else None
        if value not in (None, own, identity.UNREADABLE):
            found.append((path, value))
    return found


def tell(p, dc):
    """Keeps the notice up to date; returns what it says, or ""."""
    found = faults(dc)
    stray = strays(dc)
    if stray:
        more = f" (and {len(stray) - 1} more)" if len(stray) > 1 else ""
        path, value = stray[0]
        found.append(f"{path}{more} is a copy of the database with another invocationId ({value}): "
                     "partners do not take what is written there; if it is a backup, move it out "
                     "of Samba's directories, else stop what uses it and make it again")
    text = "; ".join(found)
    try:
        if text:
            p.notices.set(NOTICE, text)
        else:
            p.notices.clear(NOTICE)
    except (Failure, OSError) as e:
        say(f"the notice of copies cannot be kept ({e})")
    return text


def report(dc):
    """[line] for --check."""
    lines = []
    for copy in of_bind(dc):
        lines.append(copy.fault() or f"{copy.path} (BIND): the same invocationId")
    lines += [f"{path}: another invocationId ({value})" for path, value in strays(dc)]
    found, whole = others(dc)
    if not whole:
        lines.append(f"not all of Samba's directories were looked through (more than "
                     f"{MOST_ENTRIES} entries, or {MOST_COPIES} copies)")
    return lines or ["none"]
