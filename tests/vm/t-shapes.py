#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The device as each hypervisor shapes it: found, its ID read, a change of it noticed."""

import dataclasses
import pathlib
import struct
import uuid

from harness import tap
from harness.scenario import boot, generation, matrix

TABLES = pathlib.Path(__file__).parent.parent / "tables"
GIB = 1 << 30
# QEMU's pc keeps this much below 4 GiB when there is more.
BELOW_4G = 3 * GIB


@dataclasses.dataclass
class Shape:
    address: int            # of the ID, in the guest
    hid: str                # as ACPICA shows it
    register: int = 0       # what the table reads the address from, where it reads it
    memory: int = 512       # MiB
    raw: bool = True        # the ID does not cross a page


SHAPES = {
    "bhyve": Shape(0x0FFE0000, "BHYVE_V_GEN_COUNTER_V1"),
    "qemu": Shape(0x0FFE0028, "QEMUVGID"),
    "hyperv-2020": Shape(0x0FFE0208, "HYPER_V_GEN_COUNTER_V1", register=0x0FFE0208),
    "hyperv-22621": Shape(0x0FFE0208, "HYPER_V_GEN_COUNTER_V1", register=0x0FFE0208),
    "hyperv-2024": Shape(0x0FFE0208, "MSFT1002", register=0x0FFE0208),
    "xen": Shape(0x0FFE0010, "XEN0000"),
    "vmware": Shape(0x0FFE0210, "VMW0001", register=0x0FFE0211),
    "firecracker": Shape(0x000DFFF0, "VMGENCTR"),
    "firecracker-old": Shape(0x000DFFF0, "FCVMGID"),
    "cloud-hypervisor": Shape(0x110000000, "VMGENCTR", memory=4608),
    "odd": Shape(0x0FFE0FF8, "", raw=False),
}
REGISTER = 0x0FFE0100
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
        host.change()
        t.equal(generation(g), 2, f"{name}: a change is noticed")
        return g.run("dmesg")


def scenario(kernel, t):
    marks = {}
    for name, shape in SHAPES.items():
        failed = t.failed
        log = check(kernel, name, shape, t)
        marks[name] = t.failed == failed
    matrix(kernel, "shapes", marks)
    t.ok("\\_SB_.VGE1: it provides no ID, \\_SB_.VGE0 is used" in log,
         "a second device is named in the log")


if __name__ == "__main__":
    tap.main(scenario)
