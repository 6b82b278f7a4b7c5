# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A whole Debian with systemd in which vmgen was installed by the README's own commands.

Compilers are slow in an emulated machine, so packages are installed and programs built in a
chroot; what comes after modprobe is for the booted system.
"""

import hashlib
import pathlib
import re
import shlex
import shutil
import subprocess

import guest
import kernel as kernels
import machine
import module

README = pathlib.Path(__file__).parents[2] / "README.md"
# What a virtual machine has anyway; the README need not ask for it.
SYSTEM = ("linux-image-amd64", "systemd-sysv", "udev", "kmod", "procps", "initramfs-tools", "zstd")
# What tells the machine from another one.
UUID = "0a1b2c3d-0000-4000-8000-00000000000a"
NETWORK = "virtio-net-pci,mac=52:54:00:00:00:0a,romfile="
AGENT = """[Unit]
After=basic.target
[Service]
ExecStart=/sbin/vmgen-agent
[Install]
WantedBy=multi-user.target
"""


def install_commands():
    """The commands of the README's section Install, as words."""
    section = re.search(r"(?ms)^## Install$.*?^```sh\n(.*?)^```$", README.read_text("utf-8"))
    text = section.group(1).replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines()]


def base(packages, beside=()):
    """A tar file with Debian and these packages, from the cache.

    Those beside are unpacked only: some exclude each other where one can just as well stop them.
    """
    suite = kernels.machine_suite()
    words = (suite, *packages, *(f"+{name}" for name in beside))
    name = hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]
    # Not dpkg-deb -x, which puts a directory in the place of the link /lib.
    unpack = ('cd "$1/var/tmp" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get download '
              f'{" ".join(beside)} && for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | '
              'tar -x --keep-directory-symlink -C "$1"; done && rm *.deb')
    target = kernels.cache() / "debian" / f"{name}.tar"
    if target.exists():     # whole, as it was renamed; another may take minutes to be made
        return target
    with kernels.locked("debian") as new:
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            suites = (suite, f"{suite}-security")
            (new / "vmgen.sources").write_text(kernels.sources(suites), encoding="utf-8")
            kernels.run(["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}",
                         '--aptopt=APT::Sandbox::User "root"',
                         "--dpkgopt=path-exclude=/usr/share/doc/*",
                         *([f"--customize-hook={unpack}"] if beside else []),
                         suite, str(new / "root.tar"), str(new / "vmgen.sources")])
            (new / "root.tar").rename(target)
    return target


def chroot(root, directory, command):
    script = ('mount --rbind /dev "$1/dev"; mount -t proc proc "$1/proc"; '
              'exec chroot "$1" sh -ec "cd $2; $3"')
    kernels.run(["env", "-u", "MAKEFLAGS", "-u", "O", "unshare", "--mount", "--uts",
                 "sh", "-ec", script, "sh", str(root), directory, command])


def copy_checkout(target):
    """What git tracks, as somebody who has just cloned it sees it."""
    top = README.parent
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                           cwd=top, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, files):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(top / name, target / name)


class Debian:
    """The system on a disk, with the kernel and initrd to boot it from.

    prepare(root) changes its files before they are written to the disk.
    """

    def __init__(self, packages=(), prepare=None):
        commands = install_commands()
        assert commands[0][:2] == ["apt-get", "install"], commands[0]
        first_in_guest = next(i for i, c in enumerate(commands) if c[0] == "modprobe")
        self.in_guest = [shlex.join(c) for c in commands[first_in_guest:]]

        directory = machine.scratch() / "debian"
        root = directory / "root"
        root.mkdir(parents=True)
        kernels.run(["tar", "-xf", self.base(commands[0][2:], packages), "-C", root])
        self.vmlinuz = directory / "vmlinuz"
        self.initrd = directory / "initrd"
        shutil.copy(root / "vmlinuz", self.vmlinuz)
        shutil.copy(root / "initrd.img", self.initrd)
        self.name = "debian"
        self.release = next((root / "lib/modules").iterdir()).name

        self.install(root, commands[1:first_in_guest])
        self.add_agent(root)
        if prepare:
            prepare(root)
        self.disk = directory / "disk"
        self.write_disk(root, directory / "raw")

    def base(self, required, packages):
        return base((*SYSTEM, *required, *packages))

    def install(self, root, commands):
        copy_checkout(root / "usr/src/vmgen")
        for words in commands:
            command = shlex.join(words)
            if words[0] == "dkms":      # takes the kernel that runs, which is another one here
                command += f" -k {self.release}"
            chroot(root, "/usr/src/vmgen", command)

    def add_agent(self, root):
        shutil.copy(machine.build_directory() / "tests/vm/init", root / "sbin/vmgen-agent")
        (root / "etc/systemd/system/vmgen-agent.service").write_text(AGENT, "ascii")
        chroot(root, "/", "systemctl enable vmgen-agent")

    def write_disk(self, root, raw):
        kernels.run(["mkfs.ext4", "-q", "-d", root, raw, "3G"])
        # A layer costs nothing; to convert it would be to copy it.
        kernels.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw, self.disk])
        shutil.rmtree(root)

    def boot(self, guid, disk=None, **machine):
        """Keywords as in Machine."""
        machine = {"memory": 512, "uuid": UUID, "devices": (NETWORK,), **machine}
        # panic_on_warn would make a fault of Debian's own one of ours.
        return guest.Guest(self, guid=guid, disk=disk or self.disk, initrd=self.initrd, timeout=300,
                           cmdline="root=/dev/vda rw panic_on_warn=0 systemd.show_status=0",
                           **machine)


class Prebuilt(Debian):
    """The same with the programs and the module of this build, and vmgend enabled.

    It has no compiler, so that it is there in a fraction of the time: for what is about vmgen at
    work. The kernel is one of the cache, which the module is built for.
    """

    def __init__(self, kernel, packages=(), beside=(), prepare=None):
        self.kernel = kernels.load(kernel)
        self.beside = beside
        super().__init__(packages, prepare)

    def base(self, required, packages):
        system = [f"linux-image-{self.kernel.release}" if name.startswith("linux-image-") else name
                  for name in SYSTEM]
        return base((*system, *(name for name in required if name.startswith("lib")), *packages),
                    self.beside)

    def install(self, root, commands):
        kernels.run(["make", "-s", "install", f"DESTDIR={root}"], cwd=README.parent)
        vmgenc = module.build(self.kernel, README.parent / "kmod",
                              machine.build_directory() / "modules" / self.kernel.name)
        updates = root / "lib/modules" / self.release / "updates"
        updates.mkdir()
        shutil.copy(vmgenc, updates)
        chroot(root, "/", f"depmod {self.release} && systemctl enable vmgend")
