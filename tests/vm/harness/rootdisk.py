# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A system on a disk of its own, which gets slow or hangs when the host says so.

    disk = RootDisk({"/usr/sbin/vmgend": path}, {"/etc/vmgen/hooks.d/10-guard": (text, 0o755)})
    with boot(kernel, files=rootdisk.drivers(kernel), disk=disk.image) as g:
        rootdisk.mount(g)
        g.spawn(f"exec {rootdisk.ENTER} vmgend")
        rootdisk.drop_caches(g)
        rootdisk.hang(g)

Programs come with their libraries, and the directories lie as Debian has them: /bin is a link. The
guest's own commands are not on that disk.
"""

import pathlib
import subprocess
import tempfile

from harness import drivers as modules, initramfs, kernel as kernels
from harness.machine import scratch

ROOT = "/disk"
ENTER = f"chroot {ROOT} /usr/bin/env -i PATH=/usr/sbin:/usr/bin"
MERGED = ("bin", "lib", "lib64", "sbin")
SHARED = ("dev", "proc", "run", "sys")
DIRECTORIES = ("etc", "tmp", "var/lib/vmgen", *(f"usr/{name}" for name in MERGED), *SHARED)
# As QEMU calls what -drive if=virtio adds first.
DRIVE = "virtio0"
MIB = 64


def drivers(kernel):
    """Files of the guest."""
    return modules.files(kernels.load(kernel), modules.EXT4)


class RootDisk:
    """An image of the system; a guest writes to a layer of its own."""

    def __init__(self, programs, files):
        directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="root-"))
        root, raw, self.image = (directory / name for name in ("root", "raw", "image"))
        root.mkdir()
        root.chmod(0o755)
        for name in DIRECTORIES:
            (root / name).mkdir(parents=True)
        for name in MERGED:
            (root / name).symlink_to(f"usr/{name}")
        for path, source in programs.items():
            self.add(root, path, pathlib.Path(source).read_bytes(), 0o755)
            for name, library in initramfs.shared_libraries(source).items():
                self.add(root, name, library.read_bytes(), 0o755)
        for path, (content, mode) in files.items():
            self.add(root, path, content.encode(), mode)
        # Where libraries are is in a cache everywhere.
        subprocess.run(["/sbin/ldconfig", "-r", root], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-d", root, raw, f"{MIB}M"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, self.image], check=True)
        raw.unlink()

    @staticmethod
    def add(root, path, content, mode):
        target = root / path.strip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)


def mount(guest):
    guest.run(f"{modules.LOAD}; mkdir -p {ROOT} && mount -t ext4 /dev/vda {ROOT}")
    guest.run(f"for d in {' '.join(SHARED)}; do mount --bind /$d {ROOT}/$d || exit; done")


def drop_caches(guest):
    """What only the disk had is nowhere else afterwards."""
    guest.run("sync; echo 3 >/proc/sys/vm/drop_caches")


def throttle(guest, **limits):
    every = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
    guest.ask("block_set_io_throttle", device=DRIVE, **{**every, **limits})


def slow(guest):
    """A write takes a second of the host's from now on, and so an fsync at least that."""
    throttle(guest, iops_wr=1)


def hang(guest):
    """The disk answers nothing from now on."""
    throttle(guest, bps=1)
    # What it has answered it makes up for, a second for a byte; so the next one waits for weeks.
    guest.ask("human-monitor-command", **{"command-line": f'qemu-io {DRIVE} "read 0 2M"'})


def hangs(guest):
    """Does it? A read that began with this must not have come back when it is asked again."""
    guest.run("test -e /tmp/asked || "
              "{ >/tmp/asked; dd if=/dev/vda of=/tmp/answer bs=4096 skip=9000 count=1 & } 2>/dev/null")
    return guest.execute("test -s /tmp/answer")[0] != 0
