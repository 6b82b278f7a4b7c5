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
MAGIC, VERSION, TSC, NO_COUNTER = 0x4B4C4356, 1, 1, 0xFF
SYNCHRONIZED, TAI_OFFSET_VALID, LEAP_SECONDS = 2, 1, 37
# From TAI to UTC, as Linux and UAPI.13 1.1 have it; the text of 1.0 gave it without its sign.
BEHIND = -LEAP_SECONDS
UTC, TAI = range(2)
HEAD = struct.Struct("<IIHBBIQQ")
SEQ, MARKER, FLAGS, COUNTER = (12, "<I"), (16, "<Q"), (24, "<Q"), (104, "<Q")
COUNTER_ID, TIME_TYPE, STATUS, TAI_OFFSET = (10, "<B"), (11, "<B"), (34, "<B"), (36, "<h")
TICKS, PERIOD = (40, "<Q"), (48, "<Q")
TIME_SEC, TIME_FRAC, PAD = (72, "<Q"), (80, "<Q"), (112, "<Q")
VM_GEN_COUNTER_PRESENT, NOTIFICATION_PRESENT = 1 << 8, 1 << 9


def driver(kernel):
    """Files of a guest: the kernel's own driver."""
    modules = {}
    drivers.add_module(kernels.load(kernel), "ptp_vmclock", modules)
    return {f"/{name}.ko": content for name, content in modules.items()}


def boot_with_page(kernel, programs, files=(), **machine):
    """A guest whose page is still empty, and whose driver, if there is one, is not loaded."""
    return boot(kernel, programs, load=False, tables=[TABLE], shared=True, cmdline=RESERVED,
                files={**driver(kernel), **test_module(kernel, "notify"), **dict(files)}, **machine)


class Clock:
    """The hypervisor's hand in the page."""

    def __init__(self, guest, at=ADDRESS):
        """at: where the page is in the file of the guest's memory."""
        self.memory = guest.memory()
        self.at = at
        self.guest = guest

    def fill(self, flags=0, present=VM_GEN_COUNTER_PRESENT, magic=MAGIC, size=4096,
             version=VERSION):
        page = HEAD.pack(magic, size, version, NO_COUNTER, 0, 0, 1, present | flags)
        self.memory[self.at:self.at + 4096] = page.ljust(4096, b"\0")

    def tell(self, scale, moment, seconds, offset=BEHIND):
        """The time, SECONDS after 1970 in UTC at that moment; the device was there without one."""
        ticks, period = moment
        if scale == TAI:
            seconds += LEAP_SECONDS
        whole = int(seconds)
        self.set(FLAGS, self.get(FLAGS) | TAI_OFFSET_VALID)
        for field, value in ((COUNTER_ID, TSC), (TIME_TYPE, scale), (STATUS, SYNCHRONIZED),
                             (TAI_OFFSET, offset), (TICKS, ticks),
                             (PERIOD, int(period * 2 ** 64)), (TIME_SEC, whole),
                             (TIME_FRAC, int((seconds - whole) * 2 ** 64))):
            self.set(field, value)

    def get(self, field):
        return struct.unpack_from(field[1], self.memory, self.at + field[0])[0]

    def set(self, field, value):
        struct.pack_into(field[1], self.memory, self.at + field[0], value)

    def add(self, field, value=1):
        self.set(field, self.get(field) + value)

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
