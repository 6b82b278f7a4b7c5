# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgen's Debian packages as apt gets them: built for a release of Debian, in a directory with an
index, beside one with all that they depend on.

The latter, and the system into which they are installed, are kept in the cache. What was built is
kept in the build directory, and built again when a file has changed.
"""

import argparse
import dataclasses
import fcntl
import hashlib
import json
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

from harness import builder, cache, image, kernel as kernels
from harness.builder import NATIVE, TOP, digest, version
from harness.debian import SMALL_INITRD
from harness.kernel import KernelError, run
from harness.suite import unpack
from harness.machine import build_directory, scratch

# What a virtual machine in a cloud has anyway.
SYSTEM = ("systemd-sysv", "udev", "kmod", "procps", "initramfs-tools", "zstd", "apt", "dbus")
# Not needed without Active Directory, and Samba is large.
LEFT_OUT = ("vmgend-samba", "-dbgsym")


@dataclasses.dataclass(frozen=True)
class Release:
    """A release of Debian: where its packages come from, a kernel, and one to upgrade to."""
    suites: tuple
    kernel: str         # patterns of `uname -r`, as in kernel.py
    upgrade: str


RELEASES = {
    "bookworm": Release(kernels.BOOKWORM, kernels.KERNELS["6.1-cloud"].release,
                        r"6\.12\.\d+\+deb12(\.\d+)?-cloud-amd64"),
    "trixie": Release(kernels.TRIXIE, r"6\.12\.\d+\+deb13(\.\d+)?-cloud-amd64",
                      kernels.KERNELS["newest-cloud"].release),
}


# ---- building ---------------------------------------------------------------------------------


def git(*words):
    return subprocess.run(["git", *words], cwd=TOP, capture_output=True, text=True,
                          check=True).stdout


def source_hash():
    """Of all that decides what is in the packages: files, and the date of the commit."""
    h = hashlib.sha256(git("log", "-1", "--format=%ct").encode())
    for name in filter(None, git("ls-files", "-z", ":!tests").split("\0")):
        path = TOP / name
        if path.is_file() and not path.is_symlink():
            h.update(f"{name} {path.stat().st_size} {path.stat().st_mode:o}\n".encode())
            h.update(path.read_bytes())
    return h.hexdigest()[:16]


def build(suite, number, arch):
    """Returns a directory with the packages, which ends with this process."""
    # Not in the build directory, whose make would take files of the chroot for its own.
    directory = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
    if arch == NATIVE:
        return builder.build(suite, number, directory)
    return builder.cross_build(suite, number, directory, arch)


def kept(name, wanted, fill):
    """A directory below the build directory that fill(directory) has filled for what is wanted."""
    directory = build_directory().resolve() / "packages" / name
    mark = directory / "source.hash"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.parent / f"{name}.lock", "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text("ascii") != wanted:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            fill(directory)
            mark.write_text(wanted, "ascii")
    return directory


def packages(suite, number=None, arch=NATIVE):
    """The directory with the packages of this checkout, with this version or its own."""
    number = number or version()

    def fill(directory):
        for path in build(suite, number, arch).glob("*.*"):
            if path.is_file():
                shutil.copy2(path, directory)
    return kept(f"{suite}-{arch}-{number}", source_hash(), fill)


def installed(directory):
    """The packages among them that a system gets."""
    return [deb for deb in sorted(directory.glob("*.deb"))
            if not any(part in deb.name for part in LEFT_OUT)]


def dependencies(debs):
    """What they need and recommend of others, as apt-get satisfy takes it."""
    fields = [run(["dpkg-deb", "-f", deb, field]).strip()
              for deb in debs for field in ("Depends", "Recommends")]
    text = ", ".join(filter(None, fields))
    return ", ".join(sorted(word for word in {word.strip() for word in text.split(",")}
                            if "vmgen" not in word))


# ---- what is there before ---------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Archive:
    """A system without vmgen, and a repository with what vmgen and a newer kernel need there."""
    directory: pathlib.Path
    kernel: str
    upgrade: str

    @property
    def system(self):
        return self.directory / "image"

    @property
    def debs(self):
        return self.directory / "debs"


def index(directory):
    text = run(["dpkg-scanpackages", "--multiversion", "."], cwd=directory)
    (directory / "Packages").write_text("".join(line for line in text.splitlines(True)
                                                if not line.startswith("dpkg-scanpackages: ")),
                                        "utf-8")


def make_archive(suite, needs, new):
    release = RELEASES[suite]
    apt = kernels.Apt(new / "apt", release.suites)
    kernel, upgrade = (apt.releases("image", pattern)[-1]
                       for pattern in (release.kernel, release.upgrade))
    (new / "debs").mkdir()
    # A kernel also needs newer tools of its own suite.
    get = ('APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -y --download-only '
           '--no-install-recommends')
    fetch = (f'rm -f "$1"/var/cache/apt/archives/*.deb && {get} satisfy {shlex.quote(needs)} && '
             f'{get} -t {release.suites[-1]} install linux-image-{upgrade} '
             f'linux-headers-{upgrade} && cp "$1"/var/cache/apt/archives/*.deb {new}/debs && '
             'export DEBIAN_FRONTEND=noninteractive && chroot "$1" apt-get -y '
             f'--no-install-recommends satisfy {shlex.quote(needs)} && chroot "$1" apt-get clean')
    own = [f"linux-{kind}-{kernel}" for kind in ("image", "headers")]
    unpack(release.suites, new / "root", "--variant=minbase",
           f"--include={','.join((*SYSTEM, *own))}", f"--essential-hook={SMALL_INITRD}",
           f"--customize-hook={fetch}")
    image.make(new / "root", new / "image")
    index(new / "debs")
    shutil.rmtree(new / "apt")
    shutil.rmtree(new / "root")
    (new / "archive.json").write_text(json.dumps({"kernel": kernel, "upgrade": upgrade}), "ascii")


def archive(suite, needs):
    """From the cache, for packages that need this: a new one when they need something else."""
    key = digest(suite, *SYSTEM, SMALL_INITRD, needs,
                 *map(str, dataclasses.astuple(RELEASES[suite])))
    target = cache.directory() / "archives" / f"{suite}-{key}"
    if not target.exists():
        with cache.locked(f"archives-{suite}") as new:
            if not target.exists():
                (new / "done").mkdir()
                make_archive(suite, needs, new / "done")
                target.parent.mkdir(exist_ok=True)
                (new / "done").rename(target)
    return Archive(cache.used(target), **json.loads((target / "archive.json").read_text("ascii")))


def main():
    parser = argparse.ArgumentParser(description="Builds vmgen's packages; prints the directory.")
    parser.add_argument("suite", choices=RELEASES)
    print(packages(parser.parse_args().suite))


if __name__ == "__main__":
    try:
        main()
    except (KernelError, OSError) as error:
        sys.exit(f"repository.py: {error}")
