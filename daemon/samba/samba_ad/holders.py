# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Who has the database open. Samba keeps the invocation ID in each process that does, so a
process that goes on through a repair goes on with the old one."""

import os
import time

from samba_ad.ends import Failure


def links(pid):
    """(number, target) of the open files of a process; those that end meanwhile have none."""
    directory = f"/proc/{pid}/fd"
    try:
        numbers = os.listdir(directory)
    except OSError:
        return
    for number in numbers:
        try:
            yield f"{directory}/{number}", os.readlink(f"{directory}/{number}")
        except OSError:
            continue


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command(pid):
    """For a message: a process may call itself anything."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as f:
            return "".join(c if c.isprintable() else "?" for c in f.read().rstrip("\n"))
    except OSError:
        return "?"


def identity(pid):
    """({user IDs}, {group IDs}) of a process: real, effective, saved, and other groups."""
    users, groups = set(), set()
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
            for line in f:
                name, _, numbers = line.partition(":")
                if name == "Uid":
                    users.update(map(int, numbers.split()))
                elif name in ("Gid", "Groups"):
                    groups.update(map(int, numbers.split()))
    except OSError:
        pass
    return users, groups


def has_database(pid):
    """Whether this process, which is one of a service that the administrator has set up, has some
    sam.ldb open."""
    return any(os.path.basename(target) == "sam.ldb" or "/sam.ldb.d/" in target
               for _, target in links(pid))


def status(path):
    """The status of sam.ldb at path and of its partitions."""
    names = [path]
    if os.path.isdir(f"{path}.d"):
        names += [os.path.join(f"{path}.d", name) for name in os.listdir(f"{path}.d")]
    return [os.stat(name) for name in names]


def holders(path):
    """The processes, but for this one, that have the database at path open. Those of users who may
    not open it are not looked at: they can keep one busy, or wait for ever, with files of their
    own."""
    found = []
    known = status(path)
    wanted = {(st.st_dev, st.st_ino) for st in known}
    users = {0} | {st.st_uid for st in known}
    groups = {st.st_gid for st in known if st.st_mode & 0o060}
    for pid in processes():
        own_users, own_groups = identity(pid)
        if pid == os.getpid() or not (own_users & users or own_groups & groups):
            continue
        for number, target in links(pid):
            if ".ldb" not in target and ".tdb" not in target:
                continue
            try:
                st = os.stat(number)
            except OSError:
                continue
            if (st.st_dev, st.st_ino) in wanted:
                found.append(pid)
                break
    return found


def require_none(path, timeout=10):
    """Waits for a tool that somebody runs just now, but not for a server."""
    deadline = time.monotonic() + timeout
    while pids := holders(path):
        if time.monotonic() > deadline:
            who = ", ".join(f"{command(pid)} (process {pid})" for pid in pids[:5])
            raise Failure(f"{path} is in use by {who}: end it, because it would go on with the "
                          "old identity")
        time.sleep(0.1)
