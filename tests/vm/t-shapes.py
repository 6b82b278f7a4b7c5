#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The device as each hypervisor shapes it: found, its ID read, a change of it detected.

make check has those that differ in where the ID is or in who reads the address; all of them are on
ACPICA in user space there, in tests/acpica/t-tables.py.
"""

import struct
import uuid

from harness import shapes, tap
from harness.scenario import ALL, boot, generation, matrix
from harness.shapes import BESIDE, REGISTER, SHAPES, TABLES

TRIED = SHAPES if ALL else ("hyperv-2024", "vmware", "firecracker", "cloud-hypervisor", "odd")
GIB = 1 << 30
# QEMU's pc keeps this much below 4 GiB when there is more.
BELOW_4G = 3 * GIB
# Memory that the kernel is told to leave alone, as firmware would tell it.
RESERVED = "memmap=64K$0x0FFE0000 memmap=64K$0x110000000"
RAW_PAGE = 1 << 4           # VMGENID_INFO_RAW_PAGE


class Host:
    def __init__(self, guest, shape):
        self.memory = guest.memory()
        at = shape.address
        self.at = at if at < 4 * GIB else at - 4 * GIB + BELOW_4G
        if shape.register:
            self.memory[REGISTER:REGISTER + 8] = struct.pack("<Q", shape.register)

    def change(self):
        guid = uuid.uuid4()
        self.memory[self.at:self.at + 16] = guid.bytes_le
        return str(guid)


def check(kernel, name, shape, t):
    with boot(kernel, ["info"], load=False, tables=[TABLES / f"{name}.asl"], shared=True,
              memory=shape.memory, cmdline=RESERVED) as g:
        host = Host(g, shape)
        guid = host.change()
        g.run("insmod /vmgenc.ko")
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), guid, f"{name}: the ID is the host's")
        facts = dict(line.split(" ", 1) for line in g.run("info").splitlines())
        t.equal((facts["generation"], facts["hid"].strip()), ("1", shape.hid), f"{name}: the device")
        t.equal(bool(int(facts["flags"], 16) & RAW_PAGE), shape.raw, f"{name}: its page")
        said = shapes.of_devices(shapes.messages(g))
        t.equal(said, BESIDE.get(name, []), f"{name}: what is said of it")
        t.equal(shapes.find([TABLES / f"{name}.asl"], shapes.firmware(g),
                            shapes.contents(shape, uuid.UUID(guid).bytes_le))[1:],
                (said, shapes.device(shape, uuid.UUID(guid).bytes_le)),
                f"{name}: the same on ACPICA in user space")
        host.change()
        t.equal(generation(g), 2, f"{name}: a change is noticed")


def scenario(kernel, t):
    marks = {}
    for name in TRIED:
        failed = t.failed
        check(kernel, name, SHAPES[name], t)
        marks[name] = t.failed == failed
    matrix(kernel, "shapes", marks)


if __name__ == "__main__":
    tap.main(scenario)
