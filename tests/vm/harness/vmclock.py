# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A VMClock of the tests (tests/tables/vmclock.asl): its page, kept as the hypervisor would, in a
guest with shared=True. QEMU's own counts no generations."""

import pathlib
import struct

from harness import drivers, kernel as kernels
from harness.scenario import boot, test_module

TABLE = pathlib.Path(__file__).parents[2] / "tables/vmclock.asl"
ADDRESS = 0x0FFE0000
# The kernel is told to leave the page alone, as firmware would tell it.
RESERVED = "memmap=64K$0x0FFE0000"
# <linux/vmclock-abi.h>
MAGIC, VERSION, NO_COUNTER = 0x4B4C4356, 1, 0xFF
HEAD = struct.Struct("<IIHBBIQQ")
SEQ, MARKER, FLAGS, COUNTER = (12, "<I"), (16, "<Q"), (24, "<Q"), (104, "<Q")
VM_GEN_COUNTER_PRESENT, NOTIFICATION_PRESENT = 1 << 8, 1 << 9


def driver(kernel):
    """Files of a guest: the kernel's own driver."""
    modules = {}
    drivers.add_module(kernels.load(kernel), "ptp_vmclock", modules)
    return {f"/{name}.ko": content for name, content in modules.items()}


def boot_with_page(kernel, programs, files=()):
    """A guest whose page is still empty, and whose driver is not loaded."""
    return boot(kernel, programs, load=False, tables=[TABLE], shared=True, cmdline=RESERVED,
                files={**driver(kernel), **test_module(kernel, "notify"), **dict(files)})


class Clock:
    """The hypervisor's hand in the page."""

    def __init__(self, guest):
        self.memory = guest.memory()
        self.guest = guest

    def fill(self, flags=0):
        page = HEAD.pack(MAGIC, 4096, VERSION, NO_COUNTER, 0, 0, 1,
                         VM_GEN_COUNTER_PRESENT | flags)
        self.memory[ADDRESS:ADDRESS + 4096] = page.ljust(4096, b"\0")

    def get(self, field):
        return struct.unpack_from(field[1], self.memory, ADDRESS + field[0])[0]

    def add(self, field, value=1):
        struct.pack_into(field[1], self.memory, ADDRESS + field[0], self.get(field) + value)

    def begin(self):
        self.add(SEQ, 1 - self.get(SEQ) % 2)

    def end(self):
        self.add(SEQ)

    def disrupt(self):
        """What a live migration is as well."""
        self.begin()
        self.add(MARKER)
        self.end()

    def change(self):
        """A restore from a snapshot."""
        self.begin()
        self.add(MARKER)
        self.add(COUNTER)
        self.end()

    def notify(self):
        self.guest.run("insmod /notify.ko && rmmod notify")
