# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What takes long to fetch or to make, outside the checkout, where later runs find it."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import time

MONTH = 30 * 86400      # seconds


def directory():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    path = pathlib.Path(os.environ.get("VMGEN_CACHE") or pathlib.Path(base) / "vmgen").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """One process at a time; yields an empty directory in the cache's file system.

    What is made there is renamed to its place when it is complete. The directory is emptied
    at both ends, because a run that was killed leaves it behind.
    """
    new = directory() / f"{name}.new"
    with open(directory() / f"{name}.lock", "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        if new.exists():
            shutil.rmtree(new)
        new.mkdir()
        yield new
        shutil.rmtree(new)


def used(target):
    """What is returned from the cache, after what lies beside it and nobody used in a month is gone.

    A system has another name when it is made of something else, and nobody asks for the old one.
    """
    os.utime(target)
    for other in target.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - other.lstat().st_mtime > MONTH:
                (shutil.rmtree if other.is_dir() else os.unlink)(other)
    return target
