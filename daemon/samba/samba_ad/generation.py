# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The generation ID of this machine, as the kernel module vmgenc shows it."""

import glob
import hashlib
import os
import uuid

from samba_ad import file
from samba_ad.ends import Failure, NoRights

GUID_FILE = "/proc/sys/dev/vmgenc/0/guid"
SYSFS = "/sys"
# What keeps it apart from hashes of the same ID that others publish; see daemon/base/hash.c.
APPLICATION = b"vmgen generation ID hash v1\0"
MOST_CHARACTERS = 100
NO_ID = (bytes(16), b"\xff" * 16)


class Hidden(Failure):
    """There is one, and nobody here can read it."""


class Forbidden(NoRights, Hidden):
    """The same, because root of this container has too few rights."""


class Generation:
    """The 16 bytes as they lie in memory, which is also how Windows keeps them."""

    def __init__(self, value):
        self.bytes = value

    @property
    def hash(self):
        return hash_of(self.bytes)


def hash_of(value):
    return hashlib.sha256(APPLICATION + value).hexdigest()


def short(value):
    """For the log, where the ID itself must not be: its hash as vmgend tells it, cut off."""
    return hash_of(value)[:16] if value else "none"


def has_device(sysfs=SYSFS):
    """Does the hypervisor show the device, whether the module is loaded or not?"""
    for path in glob.glob(f"{sysfs}/bus/acpi/devices/*/modalias") + \
            glob.glob(f"{sysfs}/bus/platform/devices/*/modalias"):
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        if any(name in text for name in (":VM_GEN_COUNTER:", ":VMGENCTR:", "Cmicrosoft,vmgenid")):
            return True
    return False


def opener(path, flags):
    """Nothing is waited for."""
    fd = os.open(path, flags | os.O_NONBLOCK)
    try:
        file.require_regular(fd, path)
    except OSError:
        os.close(fd)
        raise
    return fd


def read(path=GUID_FILE):
    """The Generation, or None where there is no device or the host provides no ID."""
    try:
        with open(path, encoding="ascii", opener=opener) as f:
            text = f.read(MOST_CHARACTERS).strip()
            # The host counts restores (VMClock) and has no ID.
            if not text:
                return None
            value = uuid.UUID(text).bytes_le
    except (FileNotFoundError, NotADirectoryError):
        if path != GUID_FILE:
            raise Failure(f"{path} is missing") from None
        if has_device():
            remedy = "modprobe vmgenc"
            if os.path.isdir("/sys/module/vmgenc"):
                remedy = "dmesg | grep vmgenc shows why the module refuses it"
            raise Hidden("this machine has a generation ID, but the kernel module does not show "
                         f"it: {remedy}; vmgenctl check tells more") from None
        return None
    except PermissionError as e:
        text = f"{path}: {e.strerror}"
        if os.geteuid():
            raise NoRights(f"{text}: run this as root") from None
        raise Forbidden(f"{text}: this needs CAP_SYS_ADMIN in the initial user namespace, which a "
                        "container has to be given") from None
    except (OSError, ValueError) as e:
        raise Failure(f"{path} holds no GUID: {e}") from None
    return None if value in NO_ID else Generation(value)
