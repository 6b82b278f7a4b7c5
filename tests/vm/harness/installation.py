# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Installations of one Debian with many packages, each made on its own, and what is in their files.

What a package makes for itself, when it is installed or starts at first, is another thing in
another installation: the scenario inventory compares them.
"""

import hashlib
import os
import uuid

from harness import kernel as kernels
from harness.debian import MODULES, SYSTEM, Prebuilt, base

MACHINE_ID = "etc/machine-id"
SIZE = "10G"
# What servers of disks and networks, and engines of containers want of the kernel.
SERVERS = ("overlay", "bridge", "br_netfilter", "nft_compat", "nft_chain_nat", "xt_MASQUERADE",
           "xt_conntrack", "xt_addrtype", "iptable_filter", "iptable_nat", "openvswitch",
           "iscsi_tcp", "target_core_user", "iscsi_target_mod", "nvme_tcp", "nfsd", "dm_mod",
           "dm_multipath", "raid1", "tun", "squashfs", "loop")
# Where no package's own files are; /usr is looked at from outside.
PLACES = "/boot /etc /home /opt /root /srv /var"
# A line for each file and link: its path, a tab, and what is in it. Files that grow by the second
# are taken as they are.
LIST = (f"find {PLACES} -xdev '(' -type f -size -65536k -exec sha256sum '{{}}' + ')' -o "
        "-type l -printf '%l  %p\\n' 2>/dev/null | sed -E 's/^\\\\?([^ ]*)  (.*)$/\\2\\t\\1/'")


class Installation(Prebuilt):
    """The nth one; prepare(root) changes its files, as with Prebuilt."""
    modules = MODULES + SERVERS

    def __init__(self, kernel, packages, number, prepare=None):
        self.number = number
        super().__init__(kernel, packages, prepare)
        # Some gigabytes each, which no other scenario takes.
        self.image.unlink(missing_ok=True)

    def base(self, required, packages):
        libraries = (name for name in required if name.startswith("lib"))
        self.image = base(kernels.row(self.kernel.name).suites[0], (*SYSTEM, *libraries, *packages),
                          further=(f"--setup-hook=: installation {self.number}",
                                   "--dpkgopt=force-unsafe-io"), size=SIZE)
        return self.image

    def install(self, root, commands):
        super().install(root, commands)
        # mmdebstrap empties the file that systemd's package has filled when it was installed.
        (root / MACHINE_ID).write_text(f"{uuid.uuid4().hex}\n", "ascii")
        self.usr = digests(root / "usr", root)


def digests(directory, root):
    """{path: digest} of the files and links of a directory, as in the system below root."""
    found = {}
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.islink(path):
                value = os.readlink(path)
            else:
                with open(path, "rb") as file:
                    value = hashlib.sha256(file.read()).hexdigest()
            found["/" + os.path.relpath(path, root)] = value
    return found
