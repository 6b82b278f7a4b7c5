# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the scenarios have in common: a guest with the module and programs of this build in it."""

import os
import pathlib
import sys
import uuid

from harness import board, kernel as kernels, module
from harness.guest import Guest
from harness.machine import build_directory

# Where the programs of the guests are, in the build too.
GUEST = "tests/vm/guest"
# Debian built these without CONFIG_VMGENID: nothing but vmgen reseeds there.
WITHOUT_INTREE = ("5.10", "6.1-cloud")
# Linux's driver knows that description from 6.10 on.
WITHOUT_INTREE += (("6.1-arm64", "device tree"),)
# make check-all: also what is only a figure, or between two of the sizes that make check takes.
ALL = bool(os.environ.get("VMGEN_ALL"))
SYSTEM_PROGRAMS = {"/bin/chrt": "/usr/bin/chrt", "/bin/setpriv": "/usr/bin/setpriv",
                   "/sbin/sysctl": "/sbin/sysctl"}
# By its path: the shell of the guest has a command of that name built in.
NOBODY = "/bin/setpriv --reuid=65534 --regid=65534 --clear-groups"
# uid 0 as in a container.
DROPPED = "/bin/setpriv --bounding-set=-all --inh-caps=-all"


def new_guid():
    return str(uuid.uuid4())


def program(name, sanitized):
    """Where the build has put a program of a guest."""
    build = build_directory() / ("asan" if sanitized else "")
    for directory in (GUEST, "libvmgen/examples", ""):
        path = build / directory / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is not built in {build}: make check does that")


def test_module(kernel, name):
    """{path in the guest: content} of a kernel module that only a scenario needs."""
    source = pathlib.Path(__file__).parents[3] / GUEST / name
    built = module.build(kernels.load(kernel), source, build_directory() / "modules" / name / kernel)
    return {f"/{name}.ko": built.read_bytes()}


def boot(kernel, programs=(), load=True, sanitized=True, tsan=(), files=None, **machine):
    """A guest of the named kernel with programs of this build in /bin and the module loaded.

    A program that is named by its path is the machine's. Those of tsan are there once more, as
    NAME-tsan, with ThreadSanitizer. On ARM there are no sanitizers.
    """
    if kernels.row(kernel).arch == "arm64":
        return board.boot(kernel, programs, load, files=files, **machine)
    found = {f"/bin/{pathlib.Path(name).name}": program(name, sanitized) for name in programs}
    found |= {f"/bin/{name}-tsan": build_directory() / "tsan" / GUEST / name for name in tsan}
    machine.setdefault("memory", 512)   # sanitizers need room
    guest = Guest(kernels.load(kernel), programs={**SYSTEM_PROGRAMS, **found}, files=files,
                  modules=[build_directory() / "modules" / kernel / "vmgenc.ko"], **machine)
    if load:
        try:
            guest.run("insmod /vmgenc.ko")
        except BaseException:
            guest.close()
            raise
    return guest


def descriptions(kernel):
    """{who describes the device: machine}, keywords of boot() for each that this architecture has."""
    if kernels.row(kernel).arch != "arm64":
        return {"ACPI": {}}
    return {"device tree": {"firmware": "none"}, "ACPI": {"firmware": "aavmf"}}


def seed(guest):
    """Waits until the kernel's generator is seeded: a read of /dev/random does."""
    guest.run("dd if=/dev/random bs=1 count=1 of=/dev/null")


def generation(guest):
    return int(guest.run("sysctl -n dev.vmgenc.0.generation"))


def info(guest):
    """What the program info prints, as a dictionary of strings."""
    return dict(line.split(" ", 1) for line in guest.run("info").splitlines())


def matrix(kernel, what, marks):
    """One row of a table for whoever watches: {name: whether it passed}."""
    say(f"{kernel}: {what}: " + " ".join(f"{name}={'ok' if passed else 'NOT-OK'}"
                                         for name, passed in marks.items()))


def say(text):
    """A figure for whoever watches: prove lets standard error through."""
    print(f"# {text}", file=sys.stderr, flush=True)
