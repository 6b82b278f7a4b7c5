# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Locks on the files of a database. Samba's own code waits for one without an end, also for that of
a process that is stopped in the middle of a write, so it is looked at first."""

import fcntl
import os
import struct
import time

from samba_ad import holders
from samba_ad.ends import Failure

# struct flock of fcntl(2).
FLOCK = "hhqqi4x"
# tdb's, see tdb_private.h there: (lock, where, how long). A reader waits for those of one who opens
# a file and of one who commits, but not for a transaction.
READ = ((fcntl.F_RDLCK, 0, 1), (fcntl.F_RDLCK, 168, 0))
TRANSACTION = ((fcntl.F_WRLCK, 8, 1),)
SECONDS = 30


def holder(path, wanted):
    """The process that is in the way, or None."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for kind, start, length in wanted:
            asked = struct.pack(FLOCK, kind, os.SEEK_SET, start, length, 0)
            found = struct.unpack(FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
            if found[0] != fcntl.F_UNLCK:
                return found[4]
    except OSError:
        pass
    finally:
        os.close(fd)
    return None


def wait(path, wanted=READ, seconds=SECONDS):
    """For the files of the database at path."""
    deadline = time.monotonic() + seconds
    names = [path]
    if os.path.isdir(f"{path}.d"):
        names += [os.path.join(f"{path}.d", name) for name in os.listdir(f"{path}.d")]
    for name in names:
        while (pid := holder(name, wanted)) is not None:
            if time.monotonic() > deadline:
                who = f"{holders.command(pid)} (process {pid})" if pid > 0 else "somebody"
                raise Failure(f"{name} is locked by {who}, which does not continue: end it")
            time.sleep(0.05)
