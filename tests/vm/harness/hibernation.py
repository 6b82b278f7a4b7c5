# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A guest that hibernates (S4): its state goes to a disk, its machine ends, another one goes on.

    with hibernation.boot("6.1", guid=GUID_A) as g:
        image = hibernation.hibernate(g)
    with image.resume(guid=GUID_B) as g:
        g.run("dmesg")
"""

import dataclasses
import pathlib
import subprocess

from harness import drivers, kernel as kernels, scenario
from harness.guest import Booted
from harness.machine import Machine, scratch

DISK_MIB = 512
SWAP = "/dev/vda"
# Printed by a kernel that resumes from the image, and not by one that found none.
BACK = "vmgen-back"
POWER_OFF_TIMEOUT = 60
RESUME_TIMEOUT = 60
# VMGENID_INFO_ID_UNTRUSTED
ID_UNTRUSTED = 1 << 5


def boot(name, **machine):
    """As scenario.boot(), with a disk to swap and hibernate to."""
    disk = scratch() / "swap"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, f"{DISK_MIB}M"], check=True)
    guest = scenario.boot(name, disk=disk, sleeps=True, files=drivers.files(kernels.load(name)),
                          **machine)
    try:
        guest.run(f"{drivers.LOAD}; mkswap {SWAP} && swapon {SWAP}")
        # As small an image as can be had.
        guest.run("echo 0 >/sys/power/image_size")
    except BaseException:
        guest.close()
        raise
    return guest


@dataclasses.dataclass
class Image:
    machine: Machine
    arguments: list
    disk: pathlib.Path

    def resume(self, guid=None):
        return Resumed(self, guid)


def hibernate(guest):
    """Save the guest to its disk; ends it."""
    guest.send(f"echo disk >/sys/power/state && echo {BACK}")
    guest.wait_for_end(POWER_OFF_TIMEOUT)
    return Image(guest.machine, guest.arguments, guest.disk)


class Resumed(Booted):
    """A machine that boots the kernel anew, which then replaces itself by the image."""

    def __init__(self, image, guid):
        super().__init__(image.machine, image.arguments, guid, "resumed", image.disk)
        try:
            self.run(drivers.LOAD)
            # Answered by the guest that hibernated: this is what it still owes.
            output = self.run(f"cat /sys/class/block/{SWAP[5:]}/dev >/sys/power/resume",
                              RESUME_TIMEOUT)
            if output.strip() != BACK:
                raise self.error(f"did not resume from {SWAP}: {output}")
        except BaseException:
            self.close()
            raise
