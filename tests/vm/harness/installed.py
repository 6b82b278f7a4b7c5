# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A Debian in which apt has installed vmgen's packages from a directory on its disk.

DKMS builds the module there. That, and the upgrade of the kernel, is done in a chroot of the
system's own files, as compilers are slow in an emulated machine.
"""

import hashlib
import json
import os
import pathlib
import shutil

from harness import image, kernel as kernels, machine, readme, repository
from harness.debian import Debian

# Where apt gets vmgen's packages, and all else.
OWN = "srv/vmgen"
ARCHIVE = "srv/archive"
# The paths of the system without vmgen.
BEFORE = "/root/before"
FACTS = "facts.json"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y"
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
    """Its first kernel, with the packages of this build; a later build is on the disk as well.

    It is made once for each build, for all who ask for it.
    """

    def __init__(self, suite):      # pylint: disable=super-init-not-called
        self.name = suite
        self.later = f"{repository.version()}+1"
        self.debs = [repository.installed(repository.packages(suite, number))
                     for number in (None, self.later)]
        self.needs = repository.dependencies(self.debs[0])
        self.archive = repository.archive(suite, self.needs)
        self.release = self.archive.kernel
        self.root = machine.scratch() / "root"
        self.directory = repository.kept(f"{suite}-installed", self.made_of(), self.make)
        # What was found while it was made: see make().
        for name, found in json.loads((self.directory / FACTS).read_text("utf-8")).items():
            setattr(self, name, found)
        self.find_kernel(self.directory)
        self.disk = machine.scratch() / "disk"
        image.add_layer(self.directory / "raw", self.disk)

    def made_of(self):
        harness = sorted(pathlib.Path(__file__).parent.glob("*.py"))
        return repository.digest(repository.source_hash(), self.archive.directory.name, *(
            hashlib.sha256(path.read_bytes()).hexdigest() for path in (*harness, machine.agent())))

    def make(self, directory):
        image.copy(self.archive.system, directory / "raw")
        with image.mounted(directory / "raw", self.root) as root:
            self.add_agent(root)
            for name, debs in zip(("now", "later"), self.debs):
                self.add_repository(root / OWN / name, debs)
            self.install_packages(root)
            facts = {"refusal": self.inside(root, f"dkms build vmgenc/{repository.version()} "
                                            f"-k {TOO_OLD} 2>&1 || echo status $?"),
                     "signer": self.modinfo(root, "signer")}
            shutil.rmtree(root / "lib/modules" / TOO_OLD)
            self.take_kernel(root, directory)
        (directory / FACTS).write_text(json.dumps(facts), "utf-8")

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
        self.inside(root, "apt-get -q update")
        (root / BEFORE[1:]).write_text("".join(f"{path}\n" for path in sorted(files(root))),
                                         "utf-8", "surrogateescape")
        # Headers of a kernel that is there for other reasons must not stop the installation.
        (root / "lib/modules" / TOO_OLD / "build/include").mkdir(parents=True)
        lines = readme.blocks("README.md", "### Packages")[0].replace("\\\n", "").splitlines()
        command = next(line for line in lines if "./build/deb/" in line).replace(
            "linux-headers-amd64 ", "")     # this kernel has its own already
        self.inside(root, f"cd {OWN}; mkdir build; ln -s ../now build/deb; "
                    f"{command.replace('apt-get', 'apt-get -y')} 2>&1; rm -r build")
        self.inside(root, "apt-get -y install libvmgen-dev vmgen-acpi-check 2>&1")
        shutil.copytree(repository.TOP / "packaging/debian/tests", root / OWN / "tests")

    def take_kernel(self, root, directory):
        """The kernel and the initrd of its release, to boot from."""
        shutil.copy(root / f"boot/vmlinuz-{self.release}", directory)
        shutil.copy(root / f"boot/initrd.img-{self.release}", directory)

    def find_kernel(self, directory):
        self.vmlinuz = directory / f"vmlinuz-{self.release}"
        self.initrd = directory / f"initrd.img-{self.release}"


class Upgraded(Installed):
    """The same with another kernel, for which DKMS has built the module, and the later vmgen-dkms.

    built is the path of the module between the two, initramfs what is in there.
    """

    def __init__(self, suite):
        super().__init__(suite)
        self.release = self.archive.upgrade
        directory = machine.scratch()
        image.copy(self.directory / "raw", directory / "raw")
        with image.mounted(directory / "raw", self.root) as root:
            self.upgrade(root)
            self.take_kernel(root, directory)
        self.find_kernel(directory)
        self.disk = directory / "upgraded"
        image.add_layer(directory / "raw", self.disk)

    def upgrade(self, root):
        # What an administrator does who wants it there.
        with open(root / "etc/initramfs-tools/modules", "a", encoding="ascii") as f:
            f.write("vmgenc\n")
        self.inside(root, f"apt-get -y install linux-image-{self.release} "
                    f"linux-headers-{self.release} 2>&1")
        self.built = self.modinfo(root, "filename")
        self.initramfs = self.inside(root, f"lsinitramfs /boot/initrd.img-{self.release}")
        (root / "etc/apt/sources.list").write_text(source(f"{OWN}/later"), "ascii")
        # Without the others, which are for the system that runs.
        self.inside(root, "apt-get -q update; apt-get -y -o "
                    "APT::Get::Upgrade-By-Source-Package=false install vmgen-dkms 2>&1")


# ---- what holds of it whenever it runs --------------------------------------------------------


def check_journal(g, t, when):
    t.equal(g.run("systemctl is-system-running --wait || true", timeout=180).strip(), "running",
            f"{when}: no unit has failed")
    t.equal(g.run("journalctl -q -b -p err -o cat | grep -Ei 'vmgen|generation id' || true"), "",
            f"{when}: no error in the journal")


def check_protected(g, t, when):
    g.run("vmgenctl wait --settled", timeout=90)
    t.equal(g.run("systemctl is-active vmgend").strip(), "active", f"{when}: vmgend is active")
    status, output = g.execute("vmgenctl check")
    if not t.equal(status, 0, f"{when}: vmgenctl check is satisfied"):
        t.note(output)


def check_missing(g, t, when):
    """The kernel that runs has no module of ours: nothing is worse than that, and it is told."""
    t.equal(g.run("systemctl is-active vmgend").strip(), "active", f"{when}: vmgend is active")
    for command, words in (("status", "runs without the kernel module"),
                           ("check", "is not installed for the kernel that runs")):
        status, output = g.execute(f"vmgenctl {command}")
        if not t.ok(status and words in output, f"{when}: vmgenctl {command} says so, and fails"):
            t.note(f"exit status {status}: {output}")
