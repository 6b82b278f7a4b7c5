# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the module makes of the tables of tests/tables, in a guest and on ACPICA in user space.

One table of truth for both: where the ID of each shape lies, and what is said of each fault.
"""

import dataclasses
import os
import pathlib
import re
import struct
import subprocess

from harness.machine import build_directory, compile_table, scratch

TABLES = pathlib.Path(__file__).parents[2] / "tables"


@dataclasses.dataclass(frozen=True)
class Shape:
    address: int            # of the ID, in the guest
    hid: str                # as ACPICA shows it
    device: str             # its path
    register: int = 0       # what the table reads the address from, where it reads it
    memory: int = 512       # MiB
    raw: bool = True        # the ID does not cross a page


SHAPES = {
    "bhyve": Shape(0x0FFE0000, "BHYVE_V_GEN_COUNTER_V1", "\\_SB_.GENC"),
    "qemu": Shape(0x0FFE0028, "QEMUVGID", "\\_SB_.VGEN"),
    "hyperv-2020": Shape(0x0FFE0208, "HYPER_V_GEN_COUNTER_V1", "\\_SB_.GENC", register=0x0FFE0208),
    "hyperv-22621": Shape(0x0FFE0208, "HYPER_V_GEN_COUNTER_V1", "\\_SB_.GENC", register=0x0FFE0208),
    "hyperv-2024": Shape(0x0FFE0208, "MSFT1002", "\\_SB_.GENC", register=0x0FFE0208),
    "xen": Shape(0x0FFE0010, "XEN0000", "\\_SB_.VGID"),
    "vmware": Shape(0x0FFE0210, "VMW0001", "\\_SB_.VMGC", register=0x0FFE0211),
    "firecracker": Shape(0x000DFFF0, "VMGENCTR", "\\_SB_.VGEN"),
    "firecracker-old": Shape(0x000DFFF0, "FCVMGID", "\\_SB_.VGEN"),
    "cloud-hypervisor": Shape(0x110000000, "VMGENCTR", "\\_SB_.VGEN", memory=4608),
    "odd": Shape(0x0FFE0FF8, "", "\\_SB_.VGE0", raw=False),
    "names": Shape(0x0FFE0000, "VM_GEN_COUNTER", "\\_SB_.VGE0"),
}
# What is said of devices beside the one that is used.
BESIDE = {
    "odd": ["\\_SB_.VGE1: it provides no ID, \\_SB_.VGE0 is used"],
    "names": [f"\\_SB_.VGE{n}: it provides no ID, \\_SB_.VGE0 is used" for n in (1, 2, 3)],
}
REGISTER = 0x0FFE0100

REMEDY = "; report it to the hypervisor vendor"
NO_DEVICE = ("no usable generation ID device: have the host provide one, as vmgenctl check and "
             "vmgen-hypervisors(7) tell")
# Of malformed.asl, in the order of its devices.
FAULTS = {
    "VG00": "ADDR is missing or fails",
    "VG01": "ADDR does not return two elements",
    "VG02": "ADDR does not return two elements",
    "VG03": "ADDR does not return a package",
    "VG04": "ADDR does not return a package",
    "VG05": "ADDR does not return a package",
    "VG06": "ADDR does not return integers",
    "VG07": "ADDR does not return integers",
    "VG08": "ADDR does not return integers",
    "VG09": "the address is zero",
    "VG10": "the address is not a multiple of 8",
    "VG11": "the address lies in memory that the kernel uses",
    "VG12": "the address is beyond what this CPU can address",
    "VG13": "ADDR is missing or fails",
    "VG14": "_STA fails, or does not return an integer",
    "VC00": "_CRS is missing or fails",
    "VC01": "_CRS names no memory",
    "VC02": "_CRS names more than one range of memory",
    "VC03": "its memory is shorter than 112 bytes",
    "VC04": "the address is not a multiple of 8",
    "VC05": "the address lies in memory that the kernel uses",
    "VC06": "_CRS names no memory",
}
# Nothing is wrong with this one's description.
NO_VMCLOCK = "\\_SB_.VC07: its memory is not that of a VMClock, so it is of no use here"


def refusals():
    return [f"\\_SB_.{device}: {fault}{REMEDY}" for device, fault in FAULTS.items()]


def contents(shape, ident):
    """{address: bytes} that the host of this shape leaves in memory."""
    left = {shape.address: ident}
    if shape.register:
        left[REGISTER] = struct.pack("<Q", shape.register)
    return left


def device(shape, ident):
    """The line in which find names the device of this shape."""
    return f"device {shape.device} at {shape.address:#x}: {ident.hex()}"


# ---- in a guest -------------------------------------------------------------------------------


def messages(g):
    """What the module said, once: busybox tries a second way to load a module that refuses."""
    lines = [line for line in g.run("dmesg").splitlines() if "vmgenc: " in line]
    return list(dict.fromkeys(line.split("vmgenc: ", 1)[1] for line in lines))


def of_devices(said):
    """Of what the module said, what is about devices that firmware describes."""
    return [line for line in said if line.startswith("\\") or line == NO_DEVICE]


@dataclasses.dataclass(frozen=True)
class Firmware:
    """What decides what the module makes of a table, but for the table."""
    iomem: str              # the content of /proc/iomem, as root reads it
    phys_bits: int
    revision: int           # of the DSDT: from 2 on, integers have 64 bits


def firmware(g):
    bits = re.search(r"(?m)^address sizes\s*: (\d+) bits physical", g.run("cat /proc/cpuinfo"))
    header = g.run("hexdump -n 9 -e '9/1 \"%02x \"' /sys/firmware/acpi/tables/DSDT").split()
    return Firmware(g.run("cat /proc/iomem"), int(bits.group(1)), int(header[8], 16))


# ---- on ACPICA --------------------------------------------------------------------------------

# QEMU's pc with 512 MiB, of which the kernel is told to leave the pages with the ID alone.
PC = Firmware("""\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
0009fc00-0009ffff : Reserved
000a0000-000bffff : PCI Bus 0000:00
000f0000-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-0ffdffff : System RAM
  01000000-01ffffff : Kernel code
0ffe0000-0ffeffff : Reserved
0fff0000-1ffdffff : System RAM
1ffe0000-1fffffff : Reserved
fed00000-fed003ff : HPET 0
""", 40, 1)


def program():
    return build_directory() / "asan/tests/acpica/find"


def find(tables, where=PC, memory=None, reduced=False):
    """(exit status, what the module says, the device that it would use or None)"""
    directory = scratch()
    (directory / "iomem").write_text(where.iomem, "ascii")
    command = [program(), "--device", f"--iomem={directory / 'iomem'}",
               f"--phys-bits={where.phys_bits}", f"--revision={where.revision}"]
    command += [f"--memory={at:x}={data.hex()}" for at, data in (memory or {}).items()]
    command += ["--reduced"] if reduced else []
    r = subprocess.run(command + [compile_table(table, directory) for table in tables],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                       timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"})
    if r.returncode not in (0, 1) or r.stderr:
        raise RuntimeError(f"{command}: exit status {r.returncode}\n{r.stdout}{r.stderr}")
    lines = r.stdout.splitlines()
    device = lines.pop() if r.returncode == 0 else None
    return r.returncode, [line.removeprefix("vmgenc: ") for line in lines], device
