#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the module makes of each table of tests/tables, on the kernel's ACPICA in user space: found,
or refused with the very sentence that guests log."""

import os
import pathlib
import struct
import subprocess
import sys
import tempfile

from harness import shapes, tap
from harness.shapes import NO_DEVICE, PC, SHAPES, TABLES

IDENT = bytes(range(16, 32))
# UAPI.13: magic, size, version; that it counts restores; how many.
VMCLOCK = (struct.pack("<IIH", 0x4B4C4356, 0x70, 1).ljust(0x18, b"\0") +
           struct.pack("<Q", 1 << 8).ljust(0x50, b"\0") + struct.pack("<Q", 7))
COUNTS = ("a VMClock counts the restores of this machine, but there is no ID: "
          "a clone that is made while the machine is off cannot be detected")
MACHINE = """\
DefinitionBlock ("", "SSDT", 2, "VMGEN", "MACHINE", 1) { Name (\\MEMA, 0x0FFE0000) }
"""


def table(name):
    return TABLES / f"{name}.asl"


def check_shapes(t):
    for name, shape in SHAPES.items():
        t.equal(shapes.find([table(name)], memory=shapes.contents(shape, IDENT)),
                (0, shapes.BESIDE.get(name, []), shapes.device(shape, IDENT)), f"{name}: found")


def check_faults(t):
    status, said, _ = shapes.find([table("malformed")])
    t.equal(said, shapes.refusals() + [shapes.NO_VMCLOCK, NO_DEVICE], "malformed: each refused")
    t.equal(status, 1, "malformed: and none found")
    wide = shapes.Firmware("0fff0000-1ffdffff : System RAM\n", 52, 2)
    t.equal([line for line in shapes.find([table("malformed")], wide)[1] if "VG11" in line],
            [], "malformed: without memory of the kernel's at VG11, nothing is wrong with it")


def check_others(t):
    several = [f"\\_SB_.{name}: it provides no ID, \\_SB_.VGEN is used"
               for name in ("VGE0", "VGE3")]
    t.equal(shapes.find([table("several")], memory={0x0FFE1000: IDENT}),
            (0, ["\\_SB_.VGE4: ignored, no more than 4 devices are used", several[0],
                 "\\_SB_.VGE2: one device is enough, \\_SB_.VGEN is used", several[1]],
             f"device \\_SB_.VGEN at 0xffe1000: {IDENT.hex()}"), "several: the one with an ID")
    clock = {0x0FFE0000: VMCLOCK}
    t.equal(shapes.find([table("vmclock")], memory=clock)[:2], (0, [f"\\_SB_.VGEN: {COUNTS}"]),
            "vmclock: found")
    t.equal(shapes.find([table("vmclock"), table("events")],
                        memory={0x0FFE0100: struct.pack("<I", 15), **clock})[2],
            f"device \\_SB_.VGEN at 0xffe0000: {struct.pack('<QQ', 7, ~7 & 2**64 - 1).hex()}",
            "two tables that name one device: the first stands")
    t.equal(shapes.find([table("reduced")], shapes.Firmware(PC.iomem, 40, 2),
                        {0x0FFE0028: IDENT}, reduced=True),
            (0, [f"\\_SB_.VGE6: ADDR returns an integer of more than 32 bits{shapes.REMEDY}"],
             f"device \\_SB_.VGEN at 0xffe0028: {IDENT.hex()}"), "reduced: without an SCI")
    t.equal(shapes.find([table("events")]), (1, [NO_DEVICE], None), "events: not present")
    t.equal(shapes.find([table("twice")], memory={0x0FFE0010: IDENT}),
            (0, ["\\_SB_.VGEN: it provides no ID, \\_SB_.BOTH is used"],
             f"device \\_SB_.BOTH at 0xffe0010: {IDENT.hex()}"), "twice: where it has an ID")


def check_bound(t):
    """Those of which Linux's driver takes some that it should not, and leaves some that it could."""
    beside = [f"\\_SB_.{name}: it provides no ID, \\_SB_.VB00 is used"
              for name in ("VB01", "VB04", "VB07")]
    t.equal(shapes.find([table("bound")], memory={0x0FFE0000: IDENT}), (0, [
        f"\\_SB_.VB03: the address is not a multiple of 8{shapes.REMEDY}",
        f"\\_SB_.VB05: ADDR returns nothing{shapes.REMEDY}",
        f"\\_SB_.VB06: _STA fails, or does not return an integer{shapes.REMEDY}",
        f"\\_SB_.VB08: ADDR does not return two elements{shapes.REMEDY}",
        "\\_SB_.VB0A: ignored, no more than 4 devices are used",
        f"\\_SB_.VB0B: the address lies in memory that the kernel uses{shapes.REMEDY}",
        f"\\_SB_.VB0C: the address is beyond what this CPU can address{shapes.REMEDY}",
        f"\\_SB_.VB0D: the address is zero{shapes.REMEDY}",
        *beside], f"device \\_SB_.VB00 at 0xffe0000: {IDENT.hex()}"), "bound: found, or refused")


def check_arm(t):
    refused = f"\\_SB_.VGEN: ADDR is missing or fails{shapes.REMEDY}"
    t.equal(shapes.find([table("arm")]), (1, [refused, NO_DEVICE], None),
            "arm: refused where its memory is not named")
    with tempfile.TemporaryDirectory() as directory:
        machine = pathlib.Path(directory) / "machine.asl"
        machine.write_text(MACHINE, "ascii")
        status, said, device = shapes.find([machine, table("arm")])
    t.equal((status, said, device.split(":")[0]), (0, [], "device \\_SB_.VGEN at 0xffe0028"),
            "arm: found where it is, and its method has written an ID")


def check_map(t):
    for what, iomem in (("addresses are not shown", "00000000-00000000 : System RAM\n"),
                        ("is none", "what is this\n"), ("ends too early", "00001000-\n")):
        try:
            shapes.find([table("qemu")], shapes.Firmware(iomem, 40, 1))
            t.ok(False, f"a map that {what} is refused")
        except RuntimeError as error:
            t.ok("the memory map cannot be read" in str(error), f"a map that {what} is refused")


def source(**environment):
    r = subprocess.run([sys.executable, "-m", "harness.acpica", "source"], text=True, check=False,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                       env={**os.environ, **environment})
    return r.returncode, r.stdout


def check_source(t):
    with tempfile.TemporaryDirectory() as directory:
        status, output = source(ACPICA_SRC=directory)
        t.ok(status and f"{directory}: no source of a kernel" in output and "ACPICA_SRC" in output,
             "a directory that is no kernel is named")
        config = pathlib.Path(directory) / "apt.conf"
        config.write_text('Acquire::http::Proxy "http://127.0.0.1:9";\n'
                          'Acquire::https::Proxy "http://127.0.0.1:9";\n', "ascii")
        status, output = source(ACPICA_SRC="", VMGEN_CACHE=f"{directory}/cache",
                                APT_CONFIG=str(config))
        t.ok(status and "The source of ACPICA cannot be fetched" in output and
             "ACPICA_SRC=DIR" in output and "Traceback" not in output,
             "without a network it says what helps")
        t.ok(not (pathlib.Path(directory) / "cache/acpica").exists(), "and leaves nothing behind")


def scenario(_, t):
    t.note(subprocess.run([shapes.program(), "--version"], stdout=subprocess.PIPE, text=True,
                          check=True, timeout=60).stdout)
    judged = {*SHAPES, "malformed", "several", "vmclock", "reduced", "events", "bound", "arm",
              "twice"}
    t.equal({path.stem for path in TABLES.glob("*.asl")}, judged, "every table is judged")
    for check in (check_shapes, check_faults, check_others, check_bound, check_arm, check_map,
                  check_source):
        check(t)


if __name__ == "__main__":
    tap.main(scenario)
