# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A whole Debian for ARM that boots by UEFI, with vmgen's packages for it on its disk.

Those are built by a cross compiler. The module is that of the tests, and udev finds it: DKMS would
need a compiler in there.
"""

import shutil

from harness import board, debian, kernel as kernels, repository

# What the packages depend on in Debian 12, and so what is there before.
LIBRARIES = ("libevent-core-2.1-7", "libinih1", "libjson-c5", "libmd0", "libmnl0", "libnftnl11",
             "libsystemd0", "libssl3", "openssl")
# Where the packages are in it.
PACKAGES = "/srv/vmgen"
BOOT_TIMEOUT = 300


class Foreign(debian.Prebuilt):
    def base(self, required, packages):
        suite = kernels.row(self.kernel.name).suites[0]
        return debian.base(suite, (*debian.SYSTEM, *LIBRARIES, *packages), arch=self.arch)

    def install(self, root, commands):
        suite = kernels.row(self.kernel.name).suites[0]
        target = root / PACKAGES[1:]
        target.mkdir(parents=True)
        for deb in repository.installed(repository.packages(suite, arch=self.arch)):
            shutil.copy(deb, target)
        for name in debian.MASKED:
            (root / "etc/systemd/system" / name).symlink_to("/dev/null")
        kernels.run(["depmod", "-b", root, self.release])

    def add_agent(self, root):
        debian.emulate(self.arch)
        super().add_agent(root)

    def boot(self):     # pylint: disable=arguments-differ
        """Its host plays the device; the first ID is that of the table."""
        return board.Board(self.kernel.name, names=(), disk=self.disk, initrd=self.initrd,
                           timeout=BOOT_TIMEOUT, firmware="aavmf", memory=768,
                           cmdline="root=/dev/vda rw panic_on_warn=0 systemd.show_status=0",
                           devices=(debian.NETWORK,))
