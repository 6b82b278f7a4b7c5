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
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return "?"


def unit(pid):
    """The unit of systemd that a process belongs to, or ''."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as f:
            path = f.read().strip().rsplit("\n", 1)[-1].split(":", 2)[-1]
    except (OSError, IndexError):
        return ""
    return next((part for part in path.split("/") if part.endswith(".service")), "")


def is_database(target):
    return os.path.basename(target) == "sam.ldb" or "/sam.ldb.d/" in target


def units_with_database(among):
    """Those of the units that have some sam.ldb open."""
    found = set()
    for pid in processes():
        name = unit(pid)
        if name in among and name not in found and any(is_database(t) for _, t in links(pid)):
            found.add(name)
    return sorted(found)


def files(path):
    """{(device, inode)} of sam.ldb at path and of its partitions."""
    names = [path]
    if os.path.isdir(f"{path}.d"):
        names += [os.path.join(f"{path}.d", name) for name in os.listdir(f"{path}.d")]
    return {(st.st_dev, st.st_ino) for st in map(os.stat, names)}


def holders(path):
    """The processes, but for this one, that have the database at path open."""
    wanted = files(path)
    found = []
    for pid in processes():
        if pid == os.getpid():
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
