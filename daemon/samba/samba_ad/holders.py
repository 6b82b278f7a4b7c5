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


def lines_of(path):
    """A name in it may have a carriage return, which ends no line."""
    return open(path, encoding="utf-8", errors="replace", newline="\n")


def identity(pid):
    """(real user ID, {real group ID and other groups}) of a process: of the one who started it,
    also where the program itself is set-uid and has more."""
    user, groups = None, set()
    try:
        with lines_of(f"/proc/{pid}/status") as f:
            for line in f:
                name, _, numbers = line.partition(":")
                if name == "Uid":
                    user = int(numbers.split()[0])
                elif name == "Gid":
                    groups.add(int(numbers.split()[0]))
                elif name == "Groups":
                    groups.update(map(int, numbers.split()))
    except OSError:
        pass
    return user, groups


def position(pid, number):
    """(mount ID, inode number) of an open file as the kernel remembers them, for which no file
    system is asked: one that is a program may never answer. None: not known; inode numbers are
    told since Linux 5.14."""
    mount, inode = None, None
    try:
        with lines_of(f"/proc/{pid}/fdinfo/{number}") as f:
            for line in f:
                name, _, value = line.partition(":")
                if name == "mnt_id":
                    mount = int(value)
                elif name == "ino":
                    inode = int(value)
    except OSError:
        pass
    return mount, inode


def mounts(pid):
    """{mount ID: device} of those that a process sees."""
    try:
        with lines_of(f"/proc/{pid}/mountinfo") as f:
            return {int(words[0]): words[2] for words in (line.split(" ") for line in f)}
    except OSError:
        return {}


def has_database(pid):
    """Whether this process, which is one of a service that the administrator has set up, has some
    sam.ldb open."""
    return any(os.path.basename(target) == "sam.ldb" or "/sam.ldb.d/" in target
               for _, target in links(pid))


def files(path):
    """sam.ldb at path and its partitions."""
    if not os.path.isdir(f"{path}.d"):
        return [path]
    return [path] + [os.path.join(f"{path}.d", name) for name in os.listdir(f"{path}.d")]


class Database:
    """The files that a database is made of, as they are now."""

    def __init__(self, names):
        known = [os.stat(name, follow_symlinks=False) for name in names]
        self.files = {(st.st_dev, st.st_ino) for st in known}
        self.users = {0} | {st.st_uid for st in known}
        self.groups = {st.st_gid for st in known if st.st_mode & 0o060}
        positions = [self.position(name) for name in names]
        self.mounts = mounts("self")
        self.devices = {self.mounts.get(mount, mount) for mount, _ in positions}
        self.inodes = {inode for _, inode in positions}

    @staticmethod
    def position(name):
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return position("self", fd)
        finally:
            os.close(fd)

    def may_be(self, pid, number, theirs):
        """Whether this open file lies where the database does. theirs: the mounts of the process;
        a mount has one ID for all who see it."""
        mount, inode = position(pid, number)
        device = self.mounts.get(mount) or theirs.get(mount) or mount
        return device in self.devices and inode in self.inodes

    def is_open_in(self, pid):
        theirs = None
        for link, target in links(pid):
            if ".ldb" not in target and ".tdb" not in target:
                continue
            if theirs is None:
                theirs = mounts(pid)
            try:
                if self.may_be(pid, os.path.basename(link), theirs):
                    # Snapshots of btrfs have the device and the inode numbers in common.
                    st = os.stat(link)
                    if (st.st_dev, st.st_ino) in self.files:
                        return True
            except OSError:
                continue
        return False


def of(database):
    """The processes, but for this one, that have it open. Those that somebody has started who
    may not open it are not looked at: they can keep one busy with files of their own."""
    found = []
    for pid in processes():
        user, groups = identity(pid)
        if pid != os.getpid() and (user in database.users or groups & database.groups) and \
                database.is_open_in(pid):
            found.append(pid)
    return found


def require_none(path, names, timeout=10):
    """Nobody has one of these files of the database at path open. Waits for a tool that somebody
    runs just now, but not for a server."""
    deadline = time.monotonic() + timeout
    while pids := of(Database(names)):
        if time.monotonic() > deadline:
            who = ", ".join(f"{command(pid)} (process {pid})" for pid in pids[:5])
            raise Failure(f"{path} is in use by {who}: end it, because it would go on with the "
                          "old identity")
        time.sleep(0.1)
