#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's commands for a fleet, in a chroot of the named release of Debian: a system without a
compiler gets two packages and what these need, though apt could have given it DKMS.
"""

import re
import shutil

from harness import image, installed, kernel as kernels, machine, module, readme, repository, tap
from harness.scenario import say

SECTION = "### A fleet that builds once"
# Where those two are; vmgen-dkms is where apt could take it from.
COPIED, OFFERED = "srv/copied", installed.OWN
GOAL = 15
# What builds modules on each machine; the archive has all of it.
DKMS = {"dkms", "gcc", "make", "vmgen-dkms"}
INSTALLED = r"dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Installed-Size}\n'"


def packages(text):
    """{name: KiB} of those that are installed."""
    return {name: int(size) for name, size in re.findall(r"(?m)^ii +(\S+) (\d+)$", text)}


def build(kernel, directory):
    """The package of the README's last line, for a kernel that does not run here."""
    line = readme.blocks("README.md", SECTION)[0].splitlines()[-1]
    kernels.run(["env", "-u", "MAKEFLAGS", "-u", "MAKEOVERRIDES", f"kernel={kernel.release}", "sh",
                 "-ec", f"{line} KDIR={kernel.headers} KCC={module.COMPILER} O={directory}"],
                cwd=repository.TOP)
    deb, = (directory / "deb").glob("vmgen-module-*.deb")
    return deb


def fill(directory, debs):
    directory.mkdir(parents=True)
    for deb in debs:
        shutil.copy(deb, directory)


def prepare(root, archive, debs, built):
    """A system that has nothing of that, nor of what vmgend needs."""
    fill(root / COPIED, (debs["vmgend"], built))
    fill(root / OFFERED, (debs["vmgen-dkms"], debs["vmgend"]))
    repository.index(root / OFFERED)
    for path in (root / "etc/apt/sources.list.d").iterdir():
        path.unlink()
    (root / installed.ARCHIVE).mkdir()
    (root / "etc/apt/sources.list").write_text(
        installed.source(installed.ARCHIVE, OFFERED), "ascii")
    needs = kernels.run(["dpkg-deb", "-f", debs["vmgend"], "Depends"])
    libraries = " ".join(re.findall(r"lib(?:event|inih|mnl|nftnl)\S*", needs))
    return installed.inside(root, archive.debs, "apt-get -q update; apt-get -q -y purge "
                            f"dkms gcc make {libraries}; {INSTALLED}")


def check_brought(suite, t, before, after):
    new = {name: size for name, size in after.items() if name not in before}
    t.equal(before.keys() & DKMS, set(), "the system has no DKMS")
    t.equal(after.keys() & DKMS, set(), "and gets none, nor what that builds with")
    t.ok(len(new) <= GOAL, f"{len(new)} packages come, at most {GOAL}: {' '.join(sorted(new))}")
    say(f"{suite}: {len(new)} packages with {sum(new.values()) / 1024:.1f} MiB come")


def scenario(suite, t):
    debs = {deb.name.split("_")[0]: deb for deb in repository.packages(suite).glob("*.deb")}
    archive = repository.archive(suite, repository.dependencies(
        repository.installed(repository.packages(suite))))
    kernel = kernels.load("6.1-cloud")
    built = build(kernel, machine.scratch() / "o")
    image.copy(archive.system, machine.scratch() / "raw")
    with image.mounted(machine.scratch() / "raw", machine.scratch() / "root") as root:
        before = packages(prepare(root, archive, debs, built))

        def inside(command):
            return installed.inside(root, archive.debs, command)
        alone = inside(f"cd {COPIED}; apt-get -s install ./vmgend_*.deb")
        t.ok("Inst vmgen-dkms " in alone, "without a module apt takes that of DKMS")
        line = readme.blocks("README.md", SECTION)[1].splitlines()[0]
        inside(f"cd {COPIED}; {line.replace('apt-get', 'apt-get -y')}")
        check_brought(suite, t, before, packages(inside(INSTALLED)))
        found = inside(f"modinfo -k {kernel.release} -F filename vmgenc")
        t.ok(found.endswith(f"/{kernel.release}/updates/vmgenc.ko\n"), "modprobe would find it")
        t.ok("Remv vmgen-module-" in inside("apt-get -s install vmgen-dkms"),
             "DKMS takes the place of the module")
        inside("apt-get -y remove 'vmgen-module-*'")
        known = root / "lib/modules" / kernel.release / "modules.dep"
        t.ok("vmgenc.ko" not in known.read_text("ascii"), "removed, it is not found any more")


if __name__ == "__main__":
    tap.main(scenario)
