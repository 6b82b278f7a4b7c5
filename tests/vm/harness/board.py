# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""An ARM machine, described by a device tree with nodes of the test's own, or by ACPI under UEFI
firmware; and interrupts that the test raises. QEMU has no generation ID device for it, so the test
plays that as well, as Firecracker does it: a clone has its ID and the interrupt before it goes on.
"""

import dataclasses
import pathlib
import re
import socket
import tempfile
import uuid

from harness import initramfs, qemu as qemus
from harness.guest import BOOT_TIMEOUT, Booted, Clone, Snapshot
from harness.host import ID_OFFSET, Host
from harness.kernel import load, run
from harness.machine import Machine, build_directory, compile_table, programs, scratch

# Where QEMU's virt has its memory.
RAM = 0x40000000
# Has pages of 16 KiB, and no random numbers either.
CPU_16K = "neoverse-n1"
LINE = 10       # of the interrupt controller; free on this board

# The kernel leaves this alone, as it does what Firecracker keeps out of its memory node.
RESERVED = RAM + (511 << 20)
RESERVE = f"""reserved-memory {{
    #address-cells = <2>; #size-cells = <2>; ranges;
    firmware@{RESERVED:x} {{ reg = <0 {RESERVED:#x} 0 0x10000>; no-map; }};
}};"""

# Its device is where the host says, or else at QEMU's own place in a page that UEFI allocates: the
# one that QEMU keeps for NVDIMMs, in ACPI NVS memory as QEMU's own device would be.
TABLE = pathlib.Path(__file__).parents[2] / "tables/arm.asl"
NVDIMMS = ["-machine", "nvdimm=on", "-m", "slots=1,maxmem=1G"]


def node(name, properties, compatible="microsoft,vmgenid"):
    return f'{name} {{ compatible = "{compatible}"; {properties} }};'


def device(name, address, interrupt=f"interrupts = <0 {LINE} 1>;", size=16, **kind):
    return node(name, f"reg = <0 {address:#x} 0 {size}>; {interrupt}", **kind)


NODES = "\n".join((RESERVE, device("vmgenid", RESERVED + ID_OFFSET)))


@dataclasses.dataclass(frozen=True)
class ArmMachine(Machine):
    type: str = "virt"
    cpu: str = "cortex-a57"     # has no random numbers of its own either
    memory: int = 512           # MiB
    shared: bool = True
    port: str = "pci-serial"
    firmware: str = "none"
    nodes: str = NODES          # source of further nodes below the root of the device tree
    table: pathlib.Path = TABLE     # None: QEMU's own ACPI tables alone
    qemu: qemus.Qemu = qemus.ARM

    def write_tree(self, arguments, directory):
        """QEMU's own tree with the nodes after it. -f: some are wrong on purpose."""
        dump, source, tree = (directory / name for name in ("virt.dtb", "board.dts", "board.dtb"))
        run([*self.qemu.command, *arguments, "-machine", f"dumpdtb={dump}"])
        run(["dtc", "-q", "-I", "dtb", "-O", "dts", "-o", source, dump])
        with open(source, "a", encoding="ascii") as f:
            f.write(f"/ {{\n{self.nodes}\n}};\n")
        run(["dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-o", tree, source])
        return tree

    def write_initrd(self, initrd, directory):
        """With the table in front of it, where Linux looks for further ones: QEMU injects none."""
        early = initramfs.Archive()
        aml = compile_table(self.table, directory)
        early.file(f"/kernel/firmware/acpi/{aml.name}", aml.read_bytes())
        path = directory / "initrd"
        with open(path, "wb") as f:
            early.write(f)
            f.write(pathlib.Path(initrd).read_bytes())
        return path

    def arguments(self, directory, accelerator):
        arguments = super().arguments(directory, accelerator)
        if self.firmware == "none":
            arguments += ["-dtb", str(self.write_tree(arguments, directory))]
        else:
            arguments += NVDIMMS
        if self.firmware != "none" and self.table:
            at = arguments.index("-initrd") + 1
            arguments[at] = str(self.write_initrd(arguments[at], directory))
        # The console is the board's own port, and init talks on the second of PCI.
        return [*arguments, "-chardev", "null,id=null", "-device", "pci-serial,chardev=null",
                "-chardev", f"socket,id=qtest,path={directory / 'qtest'},server=on,wait=off",
                "-object", "qtest,id=qtest,chardev=qtest,log=none"]


class Wired:
    """Interrupts, and the device: what a running one has, booted or cloned."""

    def connect(self):
        """After its process has started."""
        path = next(a for a in self.arguments if a.startswith("socket,id=qtest"))
        self.qtest = socket.socket(socket.AF_UNIX)
        self.qtest.connect(path.split("path=")[1].split(",")[0])

    def close(self):
        super().close()
        if hasattr(self, "qtest"):
            self.qtest.close()

    def controller(self):
        """The path of the interrupt controller in QEMU."""
        where = "/machine/unattached"
        return next(f"{where}/{child['name']}" for child in self.ask("qom-list", path=where)
                    if child["type"] == "child<arm_gic>")

    def interrupt(self, line=LINE):
        """A rising edge on a line of the interrupt controller, from outside."""
        for level in (1, 0):
            command = f"set_irq_in {self.controller()} unnamed-gpio-in {line} {level}"
            self.qtest.sendall(f"{command}\n".encode())
            if (answer := self.qtest.recv(64)) != b"OK\n":
                raise self.error(f"{command}: {answer}")

    def guid(self):
        """The generation ID that the host shows."""
        return self.host.guid()

    def save(self, name="state"):
        return BoardSnapshot(**vars(super().save(name)), at=self.host.id)


class Board(Wired, Booted):
    """With some programs and the module, which is not loaded."""

    def __init__(self, kernel, nodes=NODES, cmdline="", names=("abi", "info", "library"),
                 disk=None, timeout=BOOT_TIMEOUT, **machine):
        if "16k" in kernel:
            machine["cpu"] = CPU_16K
        machine = ArmMachine(
            load(kernel), nodes=nodes, cmdline=f"console=ttyAMA0 {cmdline}",
            programs={f"/bin/{name}": programs("arm64") / name for name in names},
            modules=[build_directory() / "modules" / kernel / "vmgenc.ko"], **machine)
        directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="machine-"))
        super().__init__(machine, machine.arguments(directory, "tcg"), None, "board", disk, timeout)
        try:
            self.connect()
            self.host = Host(self, at=self.find_page() - RAM + ID_OFFSET)
        except BaseException:
            self.close()
            raise

    def find_page(self):
        """The physical address of the page with the ID."""
        if self.machine.firmware == "none":
            return RESERVED
        # AML of QEMU's table: Name (MEMA, a 32-bit integer).
        tables = bytes.fromhex(self.run("cat /sys/firmware/acpi/tables/SSDT* | od -An -v -tx1"))
        at = tables.index(b"\x08MEMA\x0c") + 6
        return int.from_bytes(tables[at:at + 4], "little")


class BoardClone(Wired, Clone):
    def __init__(self, snapshot, guid, paused):
        directory = tempfile.mkdtemp(dir=scratch(), prefix="machine-")
        super().__init__(dataclasses.replace(
            snapshot, arguments=[move(a, directory) for a in snapshot.arguments]), None, True)
        try:
            self.connect()
            self.host = Host(self, at=snapshot.at)
            if guid:
                self.host.change(guid)
                self.interrupt()
            if not paused:
                self.resume()
        except BaseException:
            self.close()
            raise


def move(argument, directory):
    """What only one running machine can have: its memory, and where it takes interrupts."""
    if not argument.startswith(("memory-backend-file", "socket,id=qtest")):
        return argument
    return re.sub(r"path=[^,]*/", f"path={directory}/", argument)


@dataclasses.dataclass
class BoardSnapshot(Snapshot):
    at: int = 0     # where the ID is in memory

    def clone(self, guid=None, paused=False):
        """A new guest from this state; without an ID nothing is announced."""
        return BoardClone(self, guid, paused)


def boot(kernel, names=(), load=True, guid=None, **machine):
    """As scenario.boot(), on a board."""
    # For the program draw, where the in-tree driver has claimed what it reads.
    g = Board(kernel, cmdline="iomem=relaxed", names=names, **machine)
    try:
        g.host.change(guid or str(uuid.uuid4()))
        if load:
            g.run("insmod /vmgenc.ko")
    except BaseException:
        g.close()
        raise
    return g
