# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A machine of libvirt that is asked for by virsh, and what becomes of its ID.

    with Libvirt() as host, Domain(host, "6.12", ["vmgend", "vmgenctl"]) as g:
        g.define("<genid/>")
        g.boot()
        host.virsh("save", NAME, "/vm/saved")
        g.go_on("restore", "/vm/saved")
        g.run("vmgenctl status")
"""

import os
import re
import shutil
import socket
import time

from harness import initramfs, kernel as kernels, sanitizer
from harness.guest import BOOT_TIMEOUT, READY, Process
from harness.machine import Machine, agent, build_directory
from harness.scenario import SYSTEM_PROGRAMS, program

NAME = "machine"
DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>0a1b2c3d-0000-4000-8000-00000000000a</uuid>
  <memory unit='MiB'>512</memory>
  {genid}
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>/vm/vmlinuz</kernel>
    <initrd>/vm/initrd</initrd>
    <cmdline>console=ttyS0 loglevel=5 panic=-1 oops=panic panic_on_warn=1 no_timer_check</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='/vm/disk'/><target dev='vda' bus='virtio'/>
    </disk>
    <serial type='file'><source path='/vm/{name}.console'/><target port='0'/></serial>
    <serial type='unix'>
      <source mode='bind' path='/vm/{name}.channel'/><target port='1'/>
    </serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""
# What a machine is started from, beside its state.
SHARED = ("vmlinuz", "initrd", "disk")


class Domain(Process):
    """That machine, whose QEMU is libvirt's child; it takes commands as a Guest does.

    The plain programs have no sanitizers.
    """

    # pylint: disable-next=super-init-not-called
    def __init__(self, host, kernel, programs, plain=()):
        self.machine = Machine(kernels.load(kernel))
        self.patience = sanitizer.patience(self.machine.kernel)
        self.channel = None
        self.pending = b""
        self._place(host, NAME)
        shutil.copy(self.machine.kernel.vmlinuz, self.directory / "vmlinuz")
        found = {f"/bin/{name}": program(name, name not in plain) for name in programs}
        initramfs.write(self.directory / "initrd", agent(), SYSTEM_PROGRAMS | found,
                        [build_directory() / "modules" / kernel / "vmgenc.ko"])
        kernels.run(["qemu-img", "create", "-q", "-f", "qcow2", self.directory / "disk", "64M"])

    def _place(self, host, name):
        self.host = host
        self.name = name
        self.directory = host.root / "vm"
        self.console = self.directory / f"{name}.console"
        log = self.directory / "qemu"
        log.unlink(missing_ok=True)
        log.symlink_to(host.root / f"var/log/libvirt/qemu/{name}.log")

    def _other(self, host, name):
        other = object.__new__(Domain)
        other.__dict__ = {**self.__dict__, "channel": None, "pending": b""}
        other._place(host, name)
        return other

    def define(self, genid):
        """Write the machine down, with that line in its description."""
        self._define(DOMAIN.format(name=NAME, genid=genid))

    def _define(self, xml):
        (self.directory / "xml").write_text(xml, "ascii")
        self.host.virsh("define", "/vm/xml")

    def genid(self, *words):
        """The ID in libvirt's description of the machine that runs, or --inactive: of the next one."""
        xml = self.host.virsh("dumpxml", self.name, *words)
        return re.search(r"<genid>(.*)</genid>", xml)[1].lower()

    def twin(self, name):
        """Of virt-clone, which leaves serial ports where they are."""
        self.host.virtinst("virt-clone", "--original", self.name, "--name", name,
                           "--file", f"/vm/{name}.disk")
        other = self._other(self.host, name)
        xml = self.host.virsh("dumpxml", name, "--inactive")
        other._define(xml.replace(f"/vm/{self.name}.", f"/vm/{name}."))
        return other

    def share(self, host):
        """Let another host have the disk too, where it lies."""
        for name in SHARED:
            os.link(self.directory / name, host.root / "vm" / name)

    def migrate(self, host):
        """A live migration; returns the machine on the other host."""
        self.close()
        # It is one file, which libvirt does not see.
        self.host.virsh("migrate", "--live", "--unsafe", self.name, *host.place(self.host))
        other = self._other(host, self.name)
        other.connect()
        return other

    def connect(self):
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.connect(str(self.directory / f"{self.name}.channel"))

    def go_on(self, *words, look=None):
        """A virsh command that has a QEMU started, of a machine that has its memory back; returns
        what is seen while it does not run yet."""
        self.close()
        self.host.virsh(*words, "--paused")
        seen = look and look(self)
        self.connect()
        self.host.virsh("resume", self.name)
        return seen

    def word(self, address):
        """8 bytes of the machine's memory."""
        answer = self.host.virsh("qemu-monitor-command", self.name, "--hmp", f"xp /1gx {address}")
        return int(answer.split(":")[1], 16)

    def boot(self):
        self.go_on("start", self.name)
        self.await_agent()

    def await_agent(self):
        """It boots."""
        self._receive_until(READY, time.monotonic() + BOOT_TIMEOUT * self.patience, "booting")

    def reboot(self):
        """The guest ends as the button has asked it to, and libvirt starts it again."""
        self.host.virsh("reboot", self.name)
        self.send("poweroff -f")
        self.await_agent()

    def reset(self):
        self.host.virsh("reset", self.name)
        self.await_agent()

    def close(self):
        self.pending = b""
        if self.channel:
            self.channel.close()
