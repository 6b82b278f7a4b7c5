# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Debian's libvirt in a directory of its own, and a machine that is asked for by its virsh.

    with Libvirt() as host, Domain(host, "6.12", ["vmgend", "vmgenctl"]) as g:
        g.define("<genid/>")
        g.boot()
        host.virsh("save", NAME, "/vm/saved")
        g.go_on("restore", "/vm/saved")
        g.run("vmgenctl status")
"""

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from harness import cache, initramfs, kernel as kernels, repository, sanitizer
from harness.guest import BOOT_TIMEOUT, READY, Process, end_with_parent
from harness.machine import Machine, agent, build_directory, scratch
from harness.scenario import SYSTEM_PROGRAMS, program
from harness.suite import unpack

SUITES = ("bookworm", "bookworm-security")
PACKAGES = ("libvirt-daemon", "libvirt-clients", "qemu-system-x86", "qemu-utils")
PATIENCE = 180      # seconds
NAME = "machine"
FILES = {
    # A package for systemd, which does not run there, would make that user.
    "etc/passwd": "root:x:0:0::/:/bin/sh\nlibvirt-qemu:x:64055:64055::/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nlibvirt-qemu:x:64055:\n",
    "etc/libvirt/libvirtd.conf": 'auth_unix_ro = "none"\nauth_unix_rw = "none"\n',
    "etc/libvirt/qemu.conf": ('user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'
                              'namespaces = []\ncgroup_controllers = []\nremember_owner = 0\n'
                              'stdio_handler = "file"\n'),
}
# The shell stays PID 1, which takes what QEMU leaves behind; with it all that it started ends.
DAEMON = """mount --make-rprivate / && mount -t proc proc "$1/proc" &&
mount -t sysfs sysfs "$1/sys" && mount --rbind /dev "$1/dev" || exit
chroot "$1" libvirtd
exit"""
DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>0a1b2c3d-0000-4000-8000-00000000000a</uuid>
  <memory unit='MiB'>512</memory>
  {genid}
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>/vm/vmlinuz</kernel>
    <initrd>/vm/initrd</initrd>
    <cmdline>console=ttyS0 loglevel=5 panic=-1 no_timer_check</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='/vm/disk'/><target dev='vda' bus='virtio'/>
    </disk>
    <serial type='file'><source path='/vm/console'/><target port='0'/></serial>
    <serial type='unix'><source mode='bind' path='/vm/channel'/><target port='1'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def system():
    """The directory in the cache, with what is in those packages and nothing set up."""
    target = cache.directory() / "libvirt" / repository.digest(*SUITES, *PACKAGES)
    with cache.locked("libvirt") as new:
        if not target.is_dir():
            target.parent.mkdir(exist_ok=True)
            unpack(SUITES, new / "root", "--variant=extract", f"--include={','.join(PACKAGES)}")
            (new / "root").rename(target)
    return cache.used(target)


class LibvirtError(Exception):
    pass


class Libvirt:
    """libvirtd of this process alone."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="libvirt-")) / "root"
        kernels.run(["cp", "-a", system(), self.root])
        for name in ("dev", "proc", "run", "sys", "tmp", "vm"):
            (self.root / name).mkdir(exist_ok=True)
        (self.root / "var/run").symlink_to("/run")
        for name, text in FILES.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text, "ascii")
        self.log = self.root / "vm/libvirtd"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c",
                 DAEMON, "sh", self.root], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=end_with_parent)

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE
        while not (self.root / "run/libvirt/libvirt-sock").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise LibvirtError(f"libvirtd did not start: {self.log.read_text('utf-8')}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()

    def virsh(self, *words):
        r = subprocess.run(["chroot", self.root, "virsh", "-q", "-c", "qemu:///system", *words],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                           timeout=PATIENCE)
        if r.returncode:
            raise LibvirtError(f"virsh {' '.join(words)}: {r.stdout}{r.stderr}")
        return r.stdout


class Domain(Process):
    """That machine, whose QEMU is libvirt's child; it takes commands as a Guest does."""

    # pylint: disable-next=super-init-not-called
    def __init__(self, host, kernel, programs):
        self.host = host
        self.name = NAME
        self.machine = Machine(kernels.load(kernel))
        self.patience = sanitizer.patience(self.machine.kernel)
        self.directory = host.root / "vm"
        self.console = self.directory / "console"
        self.channel = None
        shutil.copy(self.machine.kernel.vmlinuz, self.directory / "vmlinuz")
        initramfs.write(self.directory / "initrd", agent(),
                        SYSTEM_PROGRAMS | {f"/bin/{name}": program(name, True) for name in programs},
                        [build_directory() / "modules" / kernel / "vmgenc.ko"])
        kernels.run(["qemu-img", "create", "-q", "-f", "qcow2", self.directory / "disk", "64M"])
        (self.directory / "qemu").symlink_to(host.root / f"var/log/libvirt/qemu/{NAME}.log")

    def define(self, genid):
        """Write the machine down, with that line in its description."""
        (self.directory / "xml").write_text(DOMAIN.format(name=NAME, genid=genid), "ascii")
        self.host.virsh("define", "/vm/xml")

    def genid(self, *words):
        """The ID in libvirt's description of the machine that runs, or --inactive: of the next one."""
        return re.search(r"<genid>(.*)</genid>", self.host.virsh("dumpxml", NAME, *words))[1].lower()

    def go_on(self, *words):
        """A virsh command that has a QEMU started, of a machine that has its memory back."""
        self.close()
        self.host.virsh(*words, "--paused")
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.connect(str(self.directory / "channel"))
        self.host.virsh("resume", NAME)

    def boot(self):
        self.go_on("start", NAME)
        self._receive_until(READY, time.monotonic() + BOOT_TIMEOUT * self.patience, "booting")

    def close(self):
        self.pending = b""
        if self.channel:
            self.channel.close()
