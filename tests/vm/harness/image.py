# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Images of whole systems: made once for the cache, and copied and changed before a guest boots.

    image.copy(made, raw)
    with image.mounted(raw, directory) as root:
        (root / "etc/motd").write_text("Hello")
    image.add_layer(raw, disk)

Where one is mounted nobody else sees it, and no mount outlives this process.
"""

import contextlib
import ctypes
import errno
import functools
import pathlib
import tempfile
import time

from harness import kernel as kernels
from harness.machine import scratch

SIZE = "3G"
CLONE_NEWNS = 0x20000
PATIENCE = 120      # seconds


@functools.cache
def isolate():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "a mount namespace of its own needs root")
    kernels.run(["mount", "--make-rprivate", "/"])


def make(root, target, size=SIZE):
    """An image with what is in a directory."""
    kernels.run(["mkfs.ext4", "-q", "-d", root, target, size])


def empty(size="64M"):
    """A disk with nothing but a file system, for a guest to mount."""
    directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="empty-"))
    raw, disk = directory / "raw", directory / "disk"
    kernels.run(["mkfs.ext4", "-q", raw, size])
    kernels.run(["qemu-img", "convert", "-O", "qcow2", raw, disk])
    return disk


def copy(made, raw):
    kernels.run(["cp", "--sparse=always", made, raw])


@contextlib.contextmanager
def mounted(raw, directory):
    """Nothing has to be on the host's own disk when it is unmounted."""
    isolate()
    directory.mkdir(parents=True, exist_ok=True)
    kernels.run(["mount", "-o", "loop,noatime,nobarrier", raw, directory])
    try:
        yield directory
    finally:
        kernels.run(["umount", directory])
        wait_until_written(raw)


def wait_until_written(raw):
    """The name space of a chroot may hold it for a moment longer, and only the last one writes."""
    deadline = time.monotonic() + PATIENCE
    while kernels.run(["losetup", "--associated", raw]):
        if time.monotonic() > deadline:
            raise OSError(errno.EBUSY, f"{raw} is still mounted somewhere")
        time.sleep(0.1)


def add_layer(raw, disk):
    """What a guest gets: a layer costs nothing, and to convert the image would be to copy it."""
    kernels.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw, disk])
