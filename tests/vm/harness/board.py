# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""An ARM machine that a device tree describes, with nodes of the test's own and interrupts that
the test raises. Firecracker makes such machines; QEMU's has no generation ID device."""

import dataclasses
import pathlib
import socket
import tempfile

from harness import initramfs, qemu as qemus
from harness.guest import Booted
from harness.kernel import load, run
from harness.machine import Machine, build_directory, scratch

# Where QEMU's virt has its memory.
RAM = 0x40000000
PROGRAMS = "aarch64/tests/vm/guest"


@dataclasses.dataclass(frozen=True)
class ArmMachine(Machine):
    type: str = "virt"
    cpu: str = "cortex-a57"     # has no random numbers of its own either
    memory: int = 512           # MiB
    shared: bool = True
    port: str = "pci-serial"
    nodes: str = ""             # source of further nodes below the root
    qemu: qemus.Qemu = qemus.ARM

    def write_initramfs(self, image):
        initramfs.write(image, build_directory() / PROGRAMS / "init", self.programs, self.modules,
                        self.files, busybox=self.kernel.root / "bin/busybox")

    def write_tree(self, arguments, directory):
        """QEMU's own tree with the nodes after it. -f: some are wrong on purpose."""
        dump, source, tree = (directory / name for name in ("virt.dtb", "board.dts", "board.dtb"))
        run([*self.qemu.command, *arguments, "-machine", f"dumpdtb={dump}"])
        run(["dtc", "-q", "-I", "dtb", "-O", "dts", "-o", source, dump])
        with open(source, "a", encoding="ascii") as f:
            f.write(f"/ {{\n{self.nodes}\n}};\n")
        run(["dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-o", tree, source])
        return tree

    def arguments(self, directory, accelerator):
        arguments = super().arguments(directory, accelerator)
        tree = self.write_tree(arguments, directory)
        # The console is the board's own port, and init talks on the second of PCI.
        return [*arguments, "-dtb", str(tree), "-chardev", "null,id=null",
                "-device", "pci-serial,chardev=null",
                "-chardev", f"socket,id=qtest,path={directory / 'qtest'},server=on,wait=off",
                "-object", "qtest,id=qtest,chardev=qtest,log=none"]


class Board(Booted):
    """A running one, with some programs and the module, which is not loaded."""

    def __init__(self, kernel, nodes, cmdline=""):
        machine = ArmMachine(
            load(kernel), nodes=nodes, cmdline=f"console=ttyAMA0 {cmdline}",
            programs={f"/bin/{name}": build_directory() / PROGRAMS / name
                      for name in ("abi", "info", "library")},
            modules=[build_directory() / "modules" / kernel / "vmgenc.ko"])
        directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="machine-"))
        self.qtest = socket.socket(socket.AF_UNIX)
        super().__init__(machine, machine.arguments(directory, "tcg"), None, "board", None)
        self.qtest.connect(str(directory / "qtest"))

    def close(self):
        super().close()
        self.qtest.close()

    def controller(self):
        """The path of the interrupt controller in QEMU."""
        where = "/machine/unattached"
        return next(f"{where}/{child['name']}" for child in self.ask("qom-list", path=where)
                    if child["type"] == "child<arm_gic>")

    def interrupt(self, line):
        """A rising edge on a line of the interrupt controller, from outside."""
        for level in (1, 0):
            command = f"set_irq_in {self.controller()} unnamed-gpio-in {line} {level}"
            self.qtest.sendall(f"{command}\n".encode())
            if (answer := self.qtest.recv(64)) != b"OK\n":
                raise self.error(f"{command}: {answer}")
