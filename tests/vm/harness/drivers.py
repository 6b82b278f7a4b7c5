# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Drivers of a guest that has a disk: the modules of its kernel, for those that it has not built in.

    boot(kernel, files=drivers.files(kernels.load(kernel)), disk=image)
    guest.run(drivers.LOAD)
"""

import lzma
import subprocess

DISK = ("virtio_pci", "virtio_blk")
# The file system asks for its checksum by another name than that of the module.
EXT4 = (*DISK, "crc32c_generic", "ext4")
# A kernel that has them built in brings no files.
LOAD = "for m in /drivers/*.ko; do test ! -e $m || insmod $m || exit; done"


def find_module(kernel, name):
    """The file of a module, or None if the kernel has it built in."""
    found = [p for p in kernel.modules.rglob("*.ko*")
             if p.name.split(".")[0].replace("-", "_") == name]
    return found[0] if found else None


def add_module(kernel, name, modules):
    """{name: content} of a module, after those that it depends on."""
    path = find_module(kernel, name)
    if not path or name in modules:
        return
    content = path.read_bytes()
    if path.suffix == ".xz":
        content = lzma.decompress(content)
    depends = subprocess.run(["modinfo", "-F", "depends", path], check=True, text=True,
                             capture_output=True).stdout.strip()
    for other in filter(None, depends.split(",")):
        add_module(kernel, other.replace("-", "_"), modules)
    modules[name] = content


def files(kernel, names=DISK):
    """Files of a guest: the modules, named in the order of their loading."""
    modules = {}
    for name in names:
        add_module(kernel, name, modules)
    return {f"/drivers/{i:02}-{name}.ko": content
            for i, (name, content) in enumerate(modules.items())}
