# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A Debian in which apt has installed vmgen's packages from a directory on its disk.

DKMS builds the module there. That, and the upgrade of the kernel, is done in a chroot of the
system's own files, as compilers are slow in an emulated machine.
"""

import os
import shutil

from harness import kernel as kernels, machine, readme, repository
from harness.debian import Debian

# Where apt gets vmgen's packages, and all else.
OWN = "srv/vmgen"
ARCHIVE = "srv/archive"
# A kernel that the module is not for.
TOO_OLD = "5.4.0-1-cloud-amd64"


def source(*directories):
    return "".join(f"deb [trusted=yes] file:/{directory} ./\n" for directory in directories)


def inside(root, archive, command):
    """The output of a shell command in a chroot, with the archive at its place."""
    script = ('mount --rbind /dev "$1/dev"; mount -t proc proc "$1/proc"; '
              'mount --bind "$2" "$1/$3"; exec chroot "$1" sh -ec "$4"')
    return kernels.run(["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "O", "LC_ALL=C.UTF-8",
                        "DEBIAN_FRONTEND=noninteractive", "unshare", "--mount", "--uts", "sh",
                        "-ec", script, "sh", str(root), str(archive), ARCHIVE, command])


def files(root):
    """All of its paths."""
    found = set()
    for directory, names, others in os.walk(root):
        found |= {os.path.join(directory, name)[len(str(root)):] for name in (*names, *others)}
    return found


class Installed(Debian):
    """Its first kernel, with the packages of this build; a later build is on the disk as well."""

    def __init__(self, suite):      # pylint: disable=super-init-not-called
        debs = repository.installed(repository.packages(suite))
        self.later = f"{repository.version()}+1"
        later = repository.installed(repository.packages(suite, self.later))
        self.needs = repository.dependencies(debs)
        self.archive = repository.archive(suite, self.needs)
        self.name = suite
        self.release = self.archive.kernel
        self.directory = machine.scratch() / "installed"
        root = self.directory / "root"
        root.mkdir(parents=True)
        kernels.run(["tar", "-xf", self.archive.system, "-C", root])
        self.add_agent(root)
        self.add_repository(root / OWN / "now", debs)
        self.add_repository(root / OWN / "later", later)
        self.install_packages(root)
        self.refusal = self.inside(root, f"dkms build vmgenc/{repository.version()} "
                                   f"-k {TOO_OLD} 2>&1 || echo status $?")
        shutil.rmtree(root / "lib/modules" / TOO_OLD)
        self.signer = self.modinfo(root, "signer")
        self.tests = self.run_tests(root)
        self.take_kernel(root)
        self.disk = self.directory / "disk"
        self.write_disk(root, self.directory / "raw")

    def inside(self, root, command):
        return inside(root, self.archive.debs, command)

    def modinfo(self, root, field):
        return self.inside(root, f"modinfo -k {self.release} -F {field} vmgenc").strip()

    def add_repository(self, directory, debs):
        directory.mkdir(parents=True)
        for deb in debs:
            shutil.copy(deb, directory)
        repository.index(directory)

    def install_packages(self, root):
        for path in (root / "etc/apt/sources.list.d").iterdir():
            path.unlink()
        (root / ARCHIVE).mkdir()
        (root / "etc/apt/sources.list").write_text(source(ARCHIVE, f"{OWN}/now"), "ascii")
        self.inside(root, f"apt-get -q update; apt-get -y satisfy '{self.needs}'")
        self.before = files(root)
        # Headers of a kernel that is there for other reasons must not stop the installation.
        (root / "lib/modules" / TOO_OLD / "build/include").mkdir(parents=True)
        _, command = readme.blocks("README.md", "## Install")[1].replace("\\\n", "").splitlines()
        self.inside(root, f"cd {OWN}; mkdir build; ln -s ../now build/deb; "
                    f"{command.replace('apt-get', 'apt-get -y')} 2>&1; rm -r build")
        self.inside(root, "apt-get -y install libvmgen-dev 2>&1")

    def run_tests(self, root):
        """{name: (passed, output)} of the packages' own tests that need no machine."""
        shutil.copytree(repository.TOP / "packaging/debian/tests", root / OWN / "tests")
        output = {}
        for name in ("library", "daemon"):
            text = self.inside(root, f"/{OWN}/tests/{name} 2>&1 && echo passed || echo failed")
            output[name] = text.rsplit("\n", 2)[-2] == "passed", text
        return output

    def take_kernel(self, root):
        """The kernel and the initrd of its release, to boot from."""
        self.vmlinuz = self.directory / f"vmlinuz-{self.release}"
        self.initrd = self.directory / f"initrd-{self.release}"
        shutil.copy(root / "boot" / self.vmlinuz.name, self.vmlinuz)
        shutil.copy(root / f"boot/initrd.img-{self.release}", self.initrd)

    def upgrade_kernel(self, disk):
        """Install another kernel on a disk of this system, and then the later vmgen-dkms.

        Returns the path of the module between the two, and what is in the initramfs.
        """
        raw, root = self.directory / "raw-upgraded", self.directory / "mounted"
        kernels.run(["qemu-img", "convert", "-O", "raw", disk, raw])
        root.mkdir()
        kernels.run(["mount", "-o", "loop", raw, root])
        try:
            result = self.upgrade(root)
        finally:
            kernels.run(["umount", root])
        self.disk = self.directory / "disk-upgraded"
        kernels.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw, self.disk])
        return result

    def upgrade(self, root):
        self.release = self.archive.upgrade
        # What an administrator does who wants it there.
        with open(root / "etc/initramfs-tools/modules", "a", encoding="ascii") as f:
            f.write("vmgenc\n")
        self.inside(root, f"apt-get -y install linux-image-{self.release} "
                    f"linux-headers-{self.release} 2>&1")
        built = self.modinfo(root, "filename")
        initramfs = self.inside(root, f"lsinitramfs /boot/initrd.img-{self.release}")
        (root / "etc/apt/sources.list").write_text(source(f"{OWN}/later"), "ascii")
        # Without the others, which are for the system that runs.
        self.inside(root, "apt-get -q update; apt-get -y -o "
                    "APT::Get::Upgrade-By-Source-Package=false install vmgen-dkms 2>&1")
        self.take_kernel(root)
        return built, initramfs
