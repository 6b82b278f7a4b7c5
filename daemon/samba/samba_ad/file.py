# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Files that are there whole or not at all, also after a power cut."""

import contextlib
import errno
import fcntl
import os
import stat
import time

from samba_ad.ends import Failure, NoRights


# More than any file of ours has.
MOST_CHARACTERS = 1 << 20


def make_directory(path):
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except PermissionError as e:
        raise NoRights(f"{path}: {e.strerror}: run this as root") from None
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from None


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace(path, text):
    """Raises OSError. A guard may write the same file beside a repair."""
    directory = os.path.dirname(path)
    new = os.path.join(directory, f".{os.path.basename(path)}.{os.getpid()}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.rename(new, path)
    except OSError:
        os.unlink(new)
        raise
    sync_directory(directory)


def read(path):
    """The text, or None if there is no such file. Nothing is waited for that is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        require_regular(fd, path)
    except OSError:
        os.close(fd)
        raise
    with open(fd, encoding="utf-8", errors="replace") as f:
        return f.read(MOST_CHARACTERS)


def require_regular(fd, path):
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "this is no regular file", path)


def remove(path):
    """Whether there was such a file."""
    # A file system that is read-only refuses to remove also what is not there.
    if not os.path.lexists(path):
        return False
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    sync_directory(os.path.dirname(path))
    return True


@contextlib.contextmanager
def locked(path, timeout, error="another vmgend-samba-ad is at work; try again when it has ended"):
    """One at a time; waits for so many seconds."""
    deadline = time.monotonic() + timeout
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="ascii") as f:
        while True:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failure(error) from None
                time.sleep(0.05)
        yield
