# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Domains of Xen, asked for by xl, where this runs in its dom0: see outer.py.

    with Domain("6.1", ["info"]) as g:
        g.boot()
        g.save("/tmp/saved")
        g.restore("/tmp/saved", configured=True)
        g.run("info")
"""

import json
import pathlib
import select
import socket
import subprocess
import tempfile
import time
import uuid

from harness import initramfs, kernel as kernels, sanitizer
from harness.guest import BOOT_TIMEOUT, COMMAND_TIMEOUT, READY, GuestTimeout, Process
from harness.machine import Machine, agent, build_directory, scratch
from harness.scenario import SYSTEM_PROGRAMS, program

NAME = "machine"
GONE = "gone"
# The domain's firmware reads the kernel piece by piece from QEMU in dom0.
SLOW = 4
PATIENCE = 300      # seconds, for one command
ASLEEP_SECONDS = 4  # a domain that is awake says so once in a second
CONFIG = """name = "{name}"
type = "{type}"
memory = {memory}
vcpus = {cpus}
kernel = "{directory}/vmlinuz"
ramdisk = "{directory}/initrd"
cmdline = "loglevel=5 panic=-1 oops=panic no_timer_check {cmdline}"
serial = [ "file:{directory}/console", "unix:{directory}/channel" ]
vga = "none"
nographic = 1
usb = 0
{lines}
"""
# One of QEMU's needs none of Xen's scripts.
DISK = "disk = [ 'format=qcow2, vdev=xvda, target={path}' ]"
DISK_MIB = 384
# A guest that takes part in its restore has its serial ports again only after a while, and what is
# said to them before is lost. So it speaks first, by a program that draws no random numbers.
ALIVE = "alive"
PULSE = (f"mkfifo /tmp/pulse; while :; do read -t 1 nothing <>/tmp/pulse; echo {ALIVE} >/dev/console;"
         " done")
GENERATE = 'ms_vm_genid = "generate"'


def is_here():
    """Whether this is dom0."""
    path = pathlib.Path("/proc/xen/capabilities")
    return path.exists() and "control_d" in path.read_text("ascii")


def xl(*words):
    return kernels.run(["timeout", str(PATIENCE), "xl", *words])


class Domain(Process):
    """One machine, whose QEMU is xl's child; it takes commands as a Guest does."""

    # pylint: disable-next=super-init-not-called
    def __init__(self, kernel, programs, kind="hvm", cpus=1, memory=192, lines=GENERATE,
                 cmdline="console=ttyS0", files=None):
        self.name = NAME
        self.machine = Machine(kernels.load(kernel))
        self.patience = SLOW * sanitizer.patience(self.machine.kernel)
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="domain-"))
        self.console = self.directory / "console"
        self.config = self.directory / "config"
        self.channel = None
        # Each QEMU comes to it: one that made the socket would take it away when it ends, which
        # after a migration is after another one has made it.
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.directory / "channel"))
        self.listener.listen()
        self.listener.settimeout(COMMAND_TIMEOUT)
        # Says why a domain did not come up.
        (self.directory / "qemu").symlink_to(f"/var/log/xen/qemu-dm-{NAME}.log")
        (self.directory / "vmlinuz").symlink_to(self.machine.kernel.vmlinuz)
        image = self.directory / "image"
        initramfs.write(image, agent(),
                        SYSTEM_PROGRAMS | {f"/bin/{name}": program(name, False) for name in programs},
                        [build_directory() / "modules" / kernel / "vmgenc.ko"], files)
        kernels.run(["sh", "-c", f"gzip -1 <{image} >{self.directory / 'initrd'}"])
        self.config.write_text(CONFIG.format(name=NAME, type=kind, memory=memory, cpus=cpus,
                                             directory=self.directory, cmdline=cmdline,
                                             lines=lines), "ascii")

    def go_on(self, *words):
        """An xl command that makes a domain, which has its memory back or boots."""
        self.close_channel()
        xl(*words)
        self.connect()
        xl("unpause", NAME)

    def connect(self):
        self.channel = self.listener.accept()[0]

    def boot(self):
        self.go_on("create", "-p", str(self.config))
        self._receive_until(READY, time.monotonic() + BOOT_TIMEOUT * self.patience, "booting")
        self.spawn(PULSE)
        self.wait_for_pulse()

    def wait_for_pulse(self):
        deadline = time.monotonic() + COMMAND_TIMEOUT * self.patience
        while ALIVE not in self.console_text():
            if time.monotonic() > deadline:
                raise self.error("no sign of life", GuestTimeout)
            time.sleep(0.1)

    def save(self, path):
        xl("save", NAME, str(path))

    def restore(self, path, configured):
        """With the configuration once more, or with the one that is in the file."""
        self.go_on("restore", "-p", *([str(self.config)] if configured else []), str(path))
        self.wait_for_pulse()

    def add_disk(self):
        path = self.directory / "disk"
        kernels.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), f"{DISK_MIB}M"])
        with open(self.config, "a", encoding="ascii") as config:
            print(DISK.format(path=path), file=config)

    def migrate(self):
        """Live, to this same host."""
        self.close_channel()
        xl("migrate", "-s", "", NAME, "xl migrate-receive")
        self.connect()
        self.wait_for_pulse()

    def state(self):
        """The letters of xl list, of which there may be none; GONE: there is no such domain."""
        found = [line.split()[4] for line in xl("list").splitlines() if line.startswith(f"{NAME} ")]
        return found[0].replace("-", "") if found else GONE

    def wait_for_state(self, state):
        deadline = time.monotonic() + COMMAND_TIMEOUT * self.patience
        while (found := self.state()) != state:
            if time.monotonic() > deadline:
                raise self.error(f"the state is {found!r}, not {state!r}", GuestTimeout)
            time.sleep(0.5)

    def seconds(self):
        """Of a CPU that the domain has had, as xl list has them."""
        return next((line.split()[5] for line in xl("list").splitlines()
                     if line.startswith(f"{NAME} ")), GONE)

    def wake(self):
        """From S3, of which xl list shows nothing, after the command that began it; returns its output."""
        deadline = time.monotonic() + COMMAND_TIMEOUT * self.patience
        # Where nobody sleeps it does nothing, so it waits until the domain does: that gives no sign of
        # life any more, and takes no CPU. From a second sleep xl wakes no domain.
        before = None
        while not select.select([self.channel], [], [], ASLEEP_SECONDS)[0]:
            if time.monotonic() > deadline:
                raise self.error("it does not wake up", GuestTimeout)
            now = self.seconds(), self.console_text().count(ALIVE)
            if now == before:
                xl("trigger", NAME, "s3resume")
            before = now
        return self.answer("S3")

    def wait_for_end(self):
        """Of a domain that ends by itself; returns what it has said on a console of Xen's."""
        self.wait_for_state(GONE)
        return pathlib.Path(f"/var/log/xen/console/guest-{NAME}.log").read_text("utf-8", "replace")

    def guid(self):
        """The ID in xl's description of the domain, as text."""
        described = json.loads(xl("list", "-l", NAME))[0]["config"]["b_info"]
        return str(uuid.UUID(bytes_le=bytes(described["type.hvm"]["ms_vm_genid"])))

    def destroy(self):
        xl("destroy", NAME)

    def close_channel(self):
        self.pending = b""
        if self.channel:
            self.channel.close()

    def close(self):
        self.close_channel()
        # There may be none, or one that has just ended.
        subprocess.run(["timeout", str(PATIENCE), "xl", "destroy", NAME], check=False,
                       capture_output=True)
