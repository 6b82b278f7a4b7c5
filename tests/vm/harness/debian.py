# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A whole Debian with systemd in which vmgen was installed by the README's own commands.

Compilers are slow in an emulated machine, so packages are installed and programs built in a
chroot; what comes after modprobe is for the booted system.
"""

import contextlib
import hashlib
import lzma
import pathlib
import shlex
import shutil
import subprocess
import tempfile

from harness import cache, guest, image, initramfs, kernel as kernels, machine, module, readme
from harness.suite import unpack

README = pathlib.Path(__file__).parents[3] / "README.md"
# What a virtual machine has anyway; the README need not ask for it.
SYSTEM = ("systemd-sysv", "udev", "kmod", "procps")
KERNEL = ("linux-image-amd64", "initramfs-tools", "zstd")
BINFMT = pathlib.Path("/proc/sys/fs/binfmt_misc")
QEMU = {"arm64": "qemu-aarch64"}
# Nobody reads it there.
EXCLUDED = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
# What mounts the disk, and the network card, which vmgend tells the machine by: Debian's has it
# too. Then what the system itself may need.
INITRD_MODULES = ("crc32c_generic", "virtio_pci", "virtio_blk", "ext4", "virtio_net")
MODULES = ("veth", "autofs4", "fuse", "efivarfs", "virtio_console", "qemu_fw_cfg",
           "vsock_loopback")
# IPsec with AES-GCM; the latter are asked for by what they can do.
MODULES += ("xfrm_user", "esp4", "gcm", "ctr", "ghash_generic", "seqiv", "echainiv", "drbg",
            "sha512_generic", "jitterentropy_rng")
# No more than that in Debian's own as well: an emulated machine takes long to unpack it.
SMALL_INITRD = ('cd "$1" && '
                'mkdir -p etc/initramfs-tools/conf.d usr/share/initramfs-tools/modules.d && '
                'echo MODULES=list >etc/initramfs-tools/conf.d/modules && '
                f"echo {' '.join(INITRD_MODULES)} | tr ' ' '\\n' "
                ">usr/share/initramfs-tools/modules.d/disk")
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
INIT = """#!/bin/sh
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done
mount -t ext4 /dev/vda /root && mount --move /dev /root/dev && exec switch_root /root /sbin/init
"""
# What the scenarios about services need; each its own, but a system for each takes long to make.
SERVICES = {"chrony", "dhcpcd-base", "dnsmasq-base", "fuse3", "ifupdown", "iproute2",
            "isc-dhcp-client", "network-manager", "nginx", "openssh-server", "openssl", "python3",
            "python3-cryptography", "qemu-guest-agent"}
BESIDE = ("systemd-container", "systemd-timesyncd")
DISABLED = ("NetworkManager", "chrony", "networking", "nginx", "ssh")
# Nobody logs in, and nothing has to last for a day.
MASKED = ("getty-static.service", "getty@tty1.service", "serial-getty@ttyS0.service",
          "e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer", "apt-daily.timer",
          "apt-daily-upgrade.timer", "dpkg-db-backup.timer")


def other_machine(number):
    """Keywords of boot(): another UUID and MAC address, as hosts give to a clone."""
    return {"uuid": UUID[:-2] + f"{number:02x}",
            "devices": (NETWORK.replace("00:0a", f"00:{number:02x}"),)}


def install_commands():
    """The commands of the README's section Source, as words."""
    text = readme.blocks("README.md", "### Source")[0].replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines()]


def emulate(arch):
    """Linux runs programs of that architecture from here on. systemd has seen to that before."""
    name = QEMU[arch]
    if not (BINFMT / "register").exists():
        kernels.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT])
    if not (BINFMT / name).exists():
        line = pathlib.Path("/usr/lib/binfmt.d", f"{name}.conf").read_text("ascii")
        # Another run may have done it meanwhile.
        with contextlib.suppress(FileExistsError):
            (BINFMT / "register").write_text(line.strip(), "ascii")


def base(suite, packages, beside=(), disabled=(), arch="amd64", further=(), size=image.SIZE):
    """An image of Debian with these packages, from the cache.

    Those beside are unpacked only: some exclude each other where one can just as well stop them.
    The units that are disabled begin where a test has them begin. Further words are for mmdebstrap.
    """
    hooks = [f"--essential-hook={SMALL_INITRD}"]
    if beside:
        # Not dpkg-deb -x, which puts a directory in the place of the link /lib.
        hooks.append('--customize-hook=cd "$1/var/tmp" && '
                     f'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get download {" ".join(beside)} && '
                     'for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | '
                     'tar -x --keep-directory-symlink -C "$1"; done && rm *.deb')
    if disabled:
        hooks.append(f'--customize-hook=chroot "$1" systemctl disable {" ".join(disabled)}')
    foreign = () if arch == "amd64" else (f"--arch={arch}", "--skip=check/qemu")
    words = (suite, *packages, *EXCLUDED, *hooks, *foreign, *further)
    name = hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
    target = cache.directory() / "debian" / f"{name}.ext4"
    if not target.exists():
        with cache.locked(f"debian-{name}") as new:     # others may be made at the same time
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                if foreign:
                    emulate(arch)
                unpack((suite, f"{suite}-security"), new / "root", "--variant=minbase",
                       f"--include={','.join(packages)}", *EXCLUDED, *hooks, *foreign, *further)
                image.make(new / "root", new / "image", size)
                (new / "image").rename(target)
    return cache.used(target)


def chroot(root, directory, command):
    """Returns the output of a shell command."""
    script = ('mount --rbind /dev "$1/dev"; mount -t proc proc "$1/proc"; '
              'exec chroot "$1" sh -ec "cd $2; $3"')
    return kernels.run(["env", "-u", "MAKEFLAGS", "-u", "O", "unshare", "--mount", "--uts",
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

    prepare(root) changes its files before they are written to the disk. Options are for make.
    """
    arch = "amd64"

    def __init__(self, packages=(), prepare=None, suite=None, options=()):
        self.suite, self.options = suite or kernels.machine_suite(), options
        commands = install_commands()
        assert commands[0][:2] == ["apt-get", "install"], commands[0]
        first_in_guest = next(i for i, c in enumerate(commands) if c[0] == "modprobe")
        self.in_guest = [shlex.join(c) for c in commands[first_in_guest:]]

        directory = pathlib.Path(tempfile.mkdtemp(prefix="debian-", dir=machine.scratch()))
        image.copy(self.base(commands[0][2:], packages), directory / "raw")
        self.name = "debian"
        self.initrd = directory / "initrd"
        with image.mounted(directory / "raw", directory / "root") as root:
            self.add_kernel(root, directory)
            self.install(root, commands[1:first_in_guest])
            self.add_agent(root)
            if prepare:
                prepare(root)
        self.disk = directory / "disk"
        image.add_layer(directory / "raw", self.disk)

    def base(self, required, packages):
        return base(self.suite, (*SYSTEM, *KERNEL, *required, *packages))

    def add_kernel(self, root, directory):
        """Which is there already, as a package."""
        self.release = next((root / "lib/modules").iterdir()).name
        self.vmlinuz = directory / "vmlinuz"
        shutil.copy(root / "vmlinuz", self.vmlinuz)
        shutil.copy(root / "initrd.img", self.initrd)

    def install(self, root, commands):
        copy_checkout(root / "usr/src/vmgen")
        for words in commands:
            command = shlex.join(words)
            if words[0] == "make":
                command = shlex.join((*words, *self.options))
            if words[0] == "dkms":      # takes the kernel that runs, which is another one here
                command += f" -k {self.release}"
            chroot(root, "/usr/src/vmgen", command)

    def add_agent(self, root):
        shutil.copy(machine.agent(self.arch), root / "sbin/vmgen-agent")
        (root / "etc/systemd/system/vmgen-agent.service").write_text(AGENT, "ascii")
        chroot(root, "/", "systemctl enable vmgen-agent")

    def boot(self, guid, disk=None, **machine):
        """Keywords as in Machine."""
        machine = {"memory": 512, "uuid": UUID, "devices": (NETWORK,), **machine}
        # panic_on_warn would make a fault of Debian's own one of ours.
        return guest.Guest(self, guid=guid, disk=disk or self.disk, initrd=self.initrd, timeout=300,
                           cmdline="root=/dev/vda rw panic_on_warn=0 systemd.show_status=0",
                           **machine)

    def start(self, g, t):
        """The rest of the README's commands, in the booted system."""
        for command in self.in_guest:
            status, output = g.execute(command, timeout=300)
            if not t.equal(status, 0, command):
                t.note(output)
        t.ok("protected:   yes" in g.run("vmgenctl status"), "vmgenctl says that it is protected")
        t.equal(g.run("systemctl is-active vmgend").strip(), "active", "the service is active")


def find_modules(kernel, names):
    """The files of these modules of a kernel, each after those that it needs."""
    def plain(name):
        return name.split(".")[0].replace("-", "_")
    built_in = {plain(pathlib.Path(line).name) for line in
                (kernel.modules / "modules.builtin").read_text("ascii").splitlines()}
    files = {plain(path.name): path for path in kernel.modules.rglob("*.ko*")}
    found = {}

    def add(name):
        if name in built_in or name in found:
            return
        needed = kernels.run(["modinfo", "-F", "depends", files[name]]).strip()
        for other in filter(None, needed.split(",")):
            add(plain(other))
        found[name] = files[name]
    for name in names:
        add(name)
    return found.values()


def write_initrd(path, kernel):
    """One with no more than that: unpacking Debian's takes longer than all the rest."""
    archive = initramfs.base(machine.agent(kernel.arch), kernel.busybox)
    archive.file("/init", INIT, 0o755)
    for number, file in enumerate(find_modules(kernel, INITRD_MODULES)):
        content = file.read_bytes()
        archive.file(f"/modules/{number:02}",
                     lzma.decompress(content) if file.suffix == ".xz" else content)
    with open(path, "wb") as output:
        archive.write(output)


class Prebuilt(Debian):
    """The same with the programs and the module of this build, and vmgend enabled.

    It has no compiler and few modules, so that it is there in a fraction of the time: for what is
    about vmgen at work. The kernel is one of the cache, and the Debian that which it belongs to.
    Who asks for services, or for none, gets the system that all of them share, in which prepare()
    enables units.
    """
    modules = MODULES

    def __init__(self, kernel, packages=(), prepare=None, beside=()):
        self.kernel = kernels.load(kernel)
        self.beside = beside
        self.arch = self.kernel.arch
        super().__init__(packages, prepare)

    def base(self, required, packages):
        libraries = (name for name in required if name.startswith("lib"))
        suite, beside, disabled = kernels.row(self.kernel.name).suites[0], self.beside, ()
        if SERVICES.issuperset(packages):
            packages, beside, disabled = sorted(SERVICES), BESIDE, DISABLED
        return base(suite, (*SYSTEM, *libraries, *packages), beside, disabled, self.arch)

    def add_kernel(self, root, directory):
        self.release = self.kernel.release
        self.vmlinuz = self.kernel.vmlinuz
        write_initrd(self.initrd, self.kernel)
        modules = root / "lib/modules" / self.release
        modules.mkdir(parents=True)
        vmgenc = module.build(self.kernel, README.parent / "kmod",
                              machine.build_directory() / "modules" / self.kernel.name)
        for file in (vmgenc, *find_modules(self.kernel, self.modules),
                     *self.kernel.modules.glob("modules.builtin*"),
                     self.kernel.modules / "modules.order"):
            shutil.copy(file, modules)

    def install(self, root, commands):
        kernels.run(["make", "-s", "install", f"DESTDIR={root}"], cwd=README.parent)
        for name in MASKED:
            (root / "etc/systemd/system" / name).symlink_to("/dev/null")
        chroot(root, "/", f"depmod {self.release} && systemctl enable vmgend")
