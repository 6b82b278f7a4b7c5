#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's commands for a fleet, in a chroot of the named release of Debian: a system without a
compiler gets two packages and what these need, though apt could have given it DKMS.

make check-all types them into a booted system as well, which nothing was prepared in.
"""

import re
import shutil

from harness import image, installed, kernel as kernels, machine, module, plain, readme, \
    repository, tap, ways
from harness.installed import check_journal, check_missing, check_protected
from harness.leftover import leftover, named
from harness.scenario import ALL, new_guid, say

WAY = "A fleet that builds once"
SECTION = f"### {WAY}"
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


# ---- booted -----------------------------------------------------------------------------------


def check_installed(g, t):
    before, boot = packages(g.run(INSTALLED)), g.uptime()
    g.run(f"echo /root >{plain.WHERE}")
    lines = plain.lines(WAY, 1)
    done = ways.run_lines(g, WAY, lines, t)
    t.ok(re.search(r"(?m)^protected: +yes$", done["vmgenctl status"][0]), "booted: it is protected")
    seconds = sum(taken for _, taken in done.values())
    say(f"{g.machine.kernel.name}: from apt-get install to the answer 'protected': {seconds:.0f} s "
        f"of an emulated guest, {seconds / boot:.1f} times as long as its boot; "
        f"{plain.brought(done[lines[0]][0])}")
    check_brought(g.machine.kernel.name, t, before, packages(g.run(INSTALLED)))
    t.ok(g.run("modinfo -F filename vmgenc").endswith("/updates/vmgenc.ko\n"),
         "booted: the module is that of the package")
    check_protected(g, t, "installed")
    check_journal(g, t, "installed")


def check_without(g, t):
    """The same kernel would do as well as another one: neither has the module."""
    check_journal(g, t, "without the module")
    check_missing(g, t, "without the module")
    ways.run_lines(g, "without the module", ("apt-get install ./vmgen-module-*.deb",
                                            "modprobe vmgenc"), t)
    check_protected(g, t, "with it again")
    check_journal(g, t, "with it again")


def check_removal(g, t):
    ways.run_lines(g, WAY, plain.lines(WAY, 2), t)
    check_journal(g, t, "removed")
    t.equal(leftover(g), [], "removed: no file is left")
    t.equal(named(g), [], "removed: nor one with its name")


def booted(suite, t):
    copied = [word for word in plain.lines(WAY, 1)[0].split() if word[:2] == "./"]
    built = plain.build(suite, WAY, "build/deb", *copied)
    t.equal(len(built), 2, f"booted: two packages are copied: {' '.join(built)}")
    system = plain.Plain(suite, built)
    with system.boot(new_guid()) as g:
        check_installed(g, t)
        g.run("sync")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        ways.check_clone(c, WAY, t)
        c.run("sync")
    with system.boot(new_guid(), c.disk) as g:
        check_protected(g, t, "cold boot")
        check_journal(g, t, "cold boot")
        g.run(f"{installed.APT} remove 'vmgen-module-*'; sync", timeout=300)
    with system.boot(new_guid(), g.disk) as g:
        check_without(g, t)
        check_removal(g, t)


def chrooted(suite, t):
    debs = {deb.name.split("_")[0]: deb for deb in repository.packages(suite).glob("*.deb")}
    archive = repository.archive(suite, repository.dependencies(
        repository.installed(repository.packages(suite))))
    kernel = kernels.load("6.1-cloud")
    built = build(kernel, machine.scratch() / "o")
    image.copy(archive.system, machine.scratch() / "raw")
    with image.mounted(machine.scratch() / "raw", machine.scratch() / "root") as root:
        before = packages(prepare(root, archive, debs, built))
        # The system may have got a later kernel than the one that the module is built with.
        modules = root / "usr/lib/modules" / kernel.release
        modules.mkdir(exist_ok=True)
        for name in ("modules.order", "modules.builtin"):
            (modules / name).touch()

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


def scenario(suite, t):
    chrooted(suite, t)
    if ALL:
        booted(suite, t)


if __name__ == "__main__":
    tap.main(scenario)
