# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A machine that is a host itself: Debian with a hypervisor of its own, and this harness in it.

    with Kvm("6.1", ["info"]) as host:
        host.scenario("restore", t)

KVM and Xen are the real ones. What QEMU emulates is the machine below them, with a CPU of AMD's
that can run virtual machines, so both work where there is no /dev/kvm. A scenario runs in there as
it does here, and finds a hypervisor.
"""

import gzip
import pathlib
import shlex
import shutil
import tempfile
import time

from harness import debian, drivers, image, initramfs, kernel as kernels
from harness.guest import READY, Process
from harness.machine import Machine, agent, build_directory, scratch
from harness.scenario import SYSTEM_PROGRAMS, say
from harness.tap import parse

SUITE = "bookworm"
# What the harness itself calls; Debian's libraries and programs come with what is copied.
PACKAGES = ("busybox-static", "kmod", "procps", "python3", "util-linux")
WITHOUT = ('--aptopt=Apt::Install-Recommends "false"',)
SIZE = "6G"
# With -cpu max Xen's dom0 crashes, and without CMPXCHG16B both hosts stop after some minutes.
CPU = "qemu64,+svm,+npt,+nrip-save,+pdpe1gb"
ROOT = "/outer"
CHECKOUT, CACHE = "/vmgen", "/cache"
SHARED = ("dev", "proc", "sys")
BOOT_TIMEOUT = 300
SCENARIO_TIMEOUT = 900
# As /etc/init.d/xen does.
START = """set -e
mount -t xenfs xenfs /proc/xen
mkdir -p /dev/pts; mount -t devpts devpts /dev/pts
mkdir -p /run/xen /run/xenstored /var/log/xen/console /var/lib/xen
PATH=/usr/lib/xen-4.17/bin:$PATH
$(command -v xenstored || command -v oxenstored) --pid-file=/run/xen/xenstored.pid
until xenstore-read -s / >/dev/null 2>&1; do sleep 0.2; done
xen-init-dom0
xenconsoled --log=guest --log-dir=/var/log/xen/console --pid-file=/run/xen/xenconsoled.pid
xl info"""
ENVIRONMENT = (f"PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root O={CHECKOUT}/build "
               f"VMGEN_CACHE={CACHE} PYTHONPATH={CHECKOUT}/tests/vm PYTHONDONTWRITEBYTECODE=1")


def add_program(root, source, target):
    """With the libraries that it is linked with."""
    for path, file in {target: source, **initramfs.shared_libraries(source)}.items():
        place = root / path.strip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)


def add_kernel(root, kernel):
    """As the cache has it, without headers."""
    place = root / CACHE.strip("/") / "kernels" / kernel.release
    for part in (kernel.vmlinuz, kernel.modules, kernel.root / "kernel.json"):
        target = place / part.relative_to(kernel.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        kernels.run(["cp", "-a", part, target])
    (place.parent / kernel.name).symlink_to(kernel.release)


def add_build(root, kernel, programs):
    """The checkout, with the module and programs of this build."""
    checkout = root / CHECKOUT.strip("/")
    debian.copy_checkout(checkout)
    build = build_directory().resolve()
    module = build / "modules" / kernel.name / "vmgenc.ko"
    for source in (module, agent().resolve(), *(p.resolve() for p in programs)):
        add_program(root, source, f"{CHECKOUT}/build/{source.relative_to(build)}")
    for source in SYSTEM_PROGRAMS.values():
        add_program(root, source, source)


class Outer(Process):
    """That machine from its boot on; it takes commands as a Guest does."""
    packages = ()
    modules = ()
    memory = 3000       # MiB
    cmdline = ""

    def __init__(self, name, programs):
        self.kernel = kernels.load(name)
        self.files = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="outer-"))
        self.make_disk(programs)
        # One CPU: several take a newer QEMU, and under 10.0 no guest of Xen's reaches its kernel.
        machine = Machine(self.kernel, memory=self.memory, cpu=CPU, accel="tcg",
                          cmdline=f"panic_on_warn=0 {self.cmdline}",
                          files=drivers.files(self.kernel, (*drivers.EXT4, *self.modules)))
        arguments = self.arrange(machine.arguments(self.files, "tcg"))
        super().__init__(machine, arguments, None, "outer", self.files / "disk")
        try:
            self._receive_until(READY, time.monotonic() + BOOT_TIMEOUT * self.patience, "booting")
            self.run(f"{drivers.LOAD}; mkdir -p {ROOT} && mount -t ext4 /dev/vda {ROOT}")
            self.run(f"for d in {' '.join(SHARED)}; do mount --rbind /$d {ROOT}/$d || exit; done")
            self.begin()
        except BaseException:
            self.close()
            raise

    def make_disk(self, programs):
        raw = self.files / "raw"
        image.copy(debian.base(SUITE, (*PACKAGES, *self.packages), further=WITHOUT, size=SIZE), raw)
        with image.mounted(raw, self.files / "root") as root:
            add_kernel(root, self.kernel)
            add_build(root, self.kernel, programs)
            self.prepare(root)
        image.add_layer(raw, self.files / "disk")

    def prepare(self, root):
        """What else belongs on the disk, or is taken from there."""

    def arrange(self, arguments):
        """QEMU's arguments, changed to those of a machine with that hypervisor."""
        return arguments

    def begin(self):
        """What its administrator does once it is up."""

    def inside(self, command, timeout=BOOT_TIMEOUT):
        """The output of a shell command in the system."""
        return self.run(f"chroot {ROOT} /usr/bin/env -i {ENVIRONMENT} sh -c {shlex.quote(command)}",
                        timeout)

    def scenario(self, name, t, settings=""):
        command = (f"chroot {ROOT} /usr/bin/env -i {ENVIRONMENT} {settings} "
                   f"python3 {CHECKOUT}/tests/vm/t-{name}.py {self.kernel.name}")
        status, output = self.execute(command, SCENARIO_TIMEOUT)
        for line in output.splitlines():
            if line.startswith("# "):
                say(line[2:])
        results = parse(status, output, f"t-{name}.py")
        t.results((passed, f"{name}: {what}") for passed, what in results)
        if not all(passed for passed, _ in results):
            t.note(output)


def replaced(arguments, **values):
    """QEMU's arguments with other values of these options."""
    return [values.get(before.lstrip("-"), word)
            for before, word in zip(("", *arguments), arguments)]


class Xen(Outer):
    """Its dom0, where a scenario finds harness/xen.py at home."""
    packages = ("xen-hypervisor-4.17-amd64", "xen-utils-4.17", "xen-utils-common",
                "qemu-system-xen", "qemu-utils", "iproute2", "udev")
    modules = ("xen_evtchn", "xen_gntdev", "xen_gntalloc", "xenfs")
    cmdline = "console=hvc0"
    hypervisor = "console=com1 com1=115200 dom0_mem=900M,max:900M dom0_max_vcpus=1"

    def prepare(self, root):
        with gzip.open(next(root.glob("boot/xen-*-amd64.gz"))) as packed:
            (self.files / "xen").write_bytes(packed.read())

    def arrange(self, arguments):
        value = dict(zip(arguments, arguments[1:]))
        kernel = f"{value['-kernel']} {value['-append'].replace(',', ',,')}"
        return replaced(arguments, kernel=str(self.files / "xen"), append=self.hypervisor,
                        initrd=f"{kernel},{value['-initrd']}")

    def begin(self):
        self.inside(START)


class Kvm(Outer):
    packages = ("qemu-system-x86", "qemu-utils")
    modules = ("kvm_amd",)

    def scenario(self, name, t, settings=""):
        super().scenario(name, t, f"VMGEN_ACCEL=kvm {settings}")


class KvmClock(Kvm):
    """Only by that clock of its own it shows the time to a guest."""
    cmdline = "clocksource=tsc tsc=reliable"
