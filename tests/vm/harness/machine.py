# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a virtual machine consists of, as QEMU's arguments: kernel, memory, firmware, ACPI tables.

A machine is a description; guest.py turns it into a process.
"""

import dataclasses
import os
import pathlib
import subprocess
import tempfile

from harness import initramfs, kernel as kernels, qemu as qemus

TYPES = {
    "pc": "pc",
    "q35": "q35",
    # OVMF keeps its variables from the system by system management mode.
    "smm": "q35,smm=on",
    # ACPI without the legacy hardware: no SCI, no GPE.
    "microvm": "microvm,acpi=on,rtc=on,isa-serial=on",
    "clockless": "microvm,acpi=on,rtc=off,isa-serial=on",
    # ARM, described by a device tree: see board.py.
    "virt": "virt",
}
OVMF = "/usr/share/OVMF"
# QEMU brings SeaBIOS. What OVMF writes to its variables is thrown away, see Machine. On ARM there is a device
# tree without any, and ACPI with UEFI firmware.
FIRMWARES = {
    "seabios": [],
    "ovmf": ["-drive", f"if=pflash,unit=0,format=raw,file={OVMF}/OVMF_CODE_4M.fd,readonly=on",
             "-drive", f"if=pflash,unit=1,format=raw,file={OVMF}/OVMF_VARS_4M.fd,snapshot=on"],
    # Secure Boot, with the certificate of Debian's key for tests in db. It starts what -kernel
    # names who has signed it; the kernel then takes modules of that key alone.
    "secure": ["-global", "driver=cfi.pflash01,property=secure,value=on",
               "-drive", f"if=pflash,unit=0,format=raw,file={OVMF}/OVMF_CODE_4M.secboot.fd,"
               "readonly=on",
               "-drive", f"if=pflash,unit=1,format=raw,file={OVMF}/OVMF_VARS_4M.snakeoil.fd,"
               "snapshot=on"],
    "none": [],
    "aavmf": ["-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"],
}
# From QEMU's documentation of ACPI: sleep states are off in newer machine types.
SLEEP_STATES = [f"{device}.{state}=0" for device in ("PIIX4_PM", "ICH9-LPC")
                for state in ("disable_s3", "disable_s4")]


class MachineError(Exception):
    pass


def scratch():
    """The directory of this process for everything that ends with it."""
    if not hasattr(scratch, "directory"):
        scratch.directory = tempfile.TemporaryDirectory(prefix="vmgen-")
    return pathlib.Path(scratch.directory.name)


def build_directory():
    return pathlib.Path(os.environ.get("O", "build"))


def programs(arch):
    """Where the build has put the programs of guests of an architecture; sanitizers aside."""
    return build_directory() / ("aarch64" if arch == "arm64" else "") / "tests/vm/guest"


def agent(arch="amd64"):
    """The program that takes commands in a guest; it is PID 1 where there is no other."""
    return programs(arch) / "init"


def compile_table(source, directory):
    """The AML of an .asl file. -f: some tables are wrong on purpose; -oa: as they are written."""
    prefix = directory / pathlib.Path(source).stem
    r = subprocess.run(["iasl", "-f", "-oa", "-p", prefix, source], capture_output=True, text=True,
                       check=False)
    aml = prefix.with_suffix(".aml")
    if not aml.exists():
        raise MachineError(f"iasl {source}: {r.stdout}{r.stderr}")
    return aml


def add_layer(below, layer):
    """A disk image that holds what a guest changes of another one, which may have several."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", below, layer],
                   check=True)


@dataclasses.dataclass(frozen=True)
class Machine:
    """What a guest and all its clones have in common."""
    kernel: kernels.Kernel
    cpus: int = 1
    memory: int = 256           # MiB
    cmdline: str = ""
    programs: dict = dataclasses.field(default_factory=dict)    # {path in the guest: file}
    modules: tuple = ()
    initrd: pathlib.Path = None     # instead of the three above: then PID 1 is the system's own
    files: dict = dataclasses.field(default_factory=dict)       # {path: content | (content, mode)}
    tables: tuple = ()          # .asl files, injected as further ACPI tables
    devices: tuple = ()         # of QEMU, further ones
    netdevs: tuple = ()         # of QEMU: what network cards among them are connected to
    objects: tuple = ()         # of QEMU, further ones
    chardevs: tuple = ()        # of QEMU, further ones: what devices among them talk to
    uuid: str = ""              # that the firmware shows
    strings: tuple = ()         # of SMBIOS, for those who look there
    fw_cfg: dict = dataclasses.field(default_factory=dict)      # {name of a file: bytes}
    loader: dict = dataclasses.field(default_factory=dict)      # {physical address: bytes}
    shared: bool = False        # the host can write the guest's memory: see Process.memory()
    icount: bool = False        # time counts instructions: deterministic, and idle time is skipped
    # It has no RDRAND, which would hide what siblings draw in common. With several CPUs QEMU 7.2
    # may leave any flags behind a CMPXCHG16B, and the kernel then stops for a debug exception.
    cpu: str = "qemu64,-cx16"
    accel: str = ""             # default: kvm where it works, else tcg
    type: str = "pc"            # of TYPES
    firmware: str = "seabios"   # of FIRMWARES
    variables: pathlib.Path = None  # what OVMF keeps its variables in from boot to boot
    tpm: pathlib.Path = None    # the socket of one; see tpm.py
    port: str = "isa-serial"    # what the guest talks on
    sleeps: bool = False        # S3 and S4 are there
    qemu: qemus.Qemu = None     # default: the system's; several CPUs need a newer one

    def __post_init__(self):
        if not self.qemu:
            chosen = qemus.newer() if self.cpus > 1 else qemus.SYSTEM
            object.__setattr__(self, "qemu", chosen)

    def write_initramfs(self, image):
        initramfs.write(image, agent(self.kernel.arch), self.programs, self.modules, self.files,
                        self.kernel.busybox)

    def keep_variables(self, firmware):
        if not self.variables:
            return firmware
        kept = f"if=pflash,unit=1,format=raw,file={self.variables}"
        return [kept if arg.startswith("if=pflash,unit=1,") else arg for arg in firmware]

    def arguments(self, directory, accelerator):
        """QEMU's arguments; makes the files that they name."""
        image = self.initrd or directory / "initramfs"
        if not self.initrd:
            self.write_initramfs(image)
        # loglevel: a panic shows its registers and stack, which `quiet` hides. no_timer_check: a
        # busy host's ticks are so late that the kernel would call them broken.
        cmdline = ("console=ttyS0 loglevel=5 panic=-1 oops=panic panic_on_warn=1 no_timer_check "
                   f"{self.cmdline}")
        args = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-machine", TYPES[self.type], "-accel", accelerator, "-cpu", self.cpu,
                "-smp", str(self.cpus), "-m", str(self.memory),
                "-kernel", str(self.kernel.vmlinuz), "-initrd", str(image),
                "-append", cmdline.strip(), *self.keep_variables(FIRMWARES[self.firmware])]
        if self.tpm:
            args += ["-chardev", f"socket,id=tpm,path={self.tpm}",
                     "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0"]
        if self.shared:
            args += ["-object", f"memory-backend-file,id=ram,share=on,size={self.memory}M,"
                     f"mem-path={directory / 'memory'}", "-machine", "memory-backend=ram"]
        if self.icount:
            args += ["-icount", "shift=3,sleep=off"]
        if self.sleeps:
            args += [arg for state in SLEEP_STATES for arg in ("-global", state)]
        for table in self.tables:
            args += ["-acpitable", f"file={compile_table(table, directory)}"]
        if self.uuid:
            args += ["-uuid", self.uuid]
        for string in self.strings:
            args += ["-smbios", f"type=11,value={string}"]
        for name, content in self.fw_cfg.items():
            path = directory / name.replace("/", "-")
            path.write_bytes(content)
            args += ["-fw_cfg", f"name={name},file={path}"]
        for netdev in self.netdevs:
            args += ["-netdev", netdev]
        for item in self.objects:
            args += ["-object", item]
        for chardev in self.chardevs:
            args += ["-chardev", chardev]
        for device in self.devices:
            args += ["-device", device]
        for address, content in self.loader.items():
            path = directory / f"loader-{address:x}"
            path.write_bytes(content)
            args += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        return args
