#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The recipe of vmgenctl(1) for image builders: virt-sysprep on a copy of a Debian's disk, with the
guestfs-tools of Debian in a chroot of their own. Each machine that boots such an image takes an
identity of its own. The appliance of libguestfs is another machine, which has no ID."""

import re

from harness import image, kernel as kernels, manual, tap
from harness.debian import Prebuilt, base, chroot, other_machine
from harness.machine import scratch
from harness.scenario import new_guid

MANUAL = "daemon/vmgenctl.1.scd"
# What it needs of a builder: a kernel for the appliance, and QEMU.
BUILDER = ("guestfs-tools", "initramfs-tools", "linux-image-amd64", "qemu-system-x86", "qemu-utils",
           "zstd")
BUILDER_SIZE = "6G"
# No libvirt, and an appliance that is emulated.
SETTINGS = "export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg"
HOOKS = ("60-machine-id", "60-ssh-hostkeys")
ID = "0123456789abcdef0123456789abcdef"
KEY = "etc/ssh/ssh_host_ed25519_key"
SSHD = "etc/ssh/sshd_config.d/one.conf"


def prepare(root):
    (root / "etc/machine-id").write_text(f"{ID}\n", "ascii")
    (root / SSHD).write_text(f"HostKey /{KEY}\n", "ascii")
    chroot(root, "/", "systemctl enable ssh 2>&1")
    # Where the package has it.
    (root / "usr/bin/vmgenctl").symlink_to("/usr/local/bin/vmgenctl")
    (scratch() / "key").write_text((root / f"{KEY}.pub").read_text("ascii"), "ascii")


def recipe():
    """The commands of the manual that an image builder types."""
    text = (manual.SOURCE / MANUAL).read_text("utf-8")
    block, = (b for b in re.findall(r"(?ms)^```\n(.*?)^```", text) if "virt-sysprep" in b)
    return block.replace("\\\\", "\\")     # as the page shows it


def build(disk):
    """Runs the recipe on a machine of an image builder, where the disk has the recipe's name."""
    work = scratch() / "work"
    work.mkdir()
    kernels.run(["qemu-img", "convert", "-O", "qcow2", disk, work / "template.qcow2"])
    image.copy(base(kernels.machine_suite(), BUILDER, size=BUILDER_SIZE), scratch() / "builder")
    with image.mounted(scratch() / "builder", scratch() / "root") as root:
        kernels.run(["mount", "--bind", work, root / "mnt"])
        try:
            output = chroot(root, "/mnt", f"{SETTINGS}\n{recipe()}")
        finally:
            kernels.run(["umount", root / "mnt"])
    return work / "image.qcow2", output


def identity(c):
    return (c.run("cat /etc/machine-id").strip(), c.run(f"cut -d' ' -f2 /{KEY}.pub").strip())


def boot_copy(debian, disk, number, t):
    with debian.boot(new_guid(), disk, **other_machine(number)) as c:
        c.run("vmgenctl wait --settled --timeout 240", timeout=300)
        run = c.run("vmgenctl history --json | tail -n 1")
        for name in HOOKS:
            t.ok(re.search(rf'"{name}": *{{[^}}]*"outcome": *"succeeded"', run),
                 f"copy {number}: {name} has succeeded")
        t.equal(c.run("vmgenctl image show").strip(), "none", f"copy {number}: the mark is used")
        t.equal(c.run("systemctl is-active vmgend").strip(), "active", f"copy {number}: vmgend runs")
        return identity(c)


def scenario(kernel, t):
    debian = Prebuilt(kernel, ("openssh-server", "openssl"), prepare=prepare)
    original = (ID, (scratch() / "key").read_text("ascii").split()[1])
    disk, output = build(debian.disk)
    t.ok("Running: vmgenctl image prepare" in output, "virt-sysprep has had vmgenctl do its part")
    copies = [boot_copy(debian, disk, number, t) for number in (0xb, 0xc)]
    for what, values in zip(("machine IDs", "host keys"), zip(original, *copies)):
        t.equal(len(set(values)), 3, f"the template and two copies have {what} of their own")


if __name__ == "__main__":
    tap.main(scenario)
