# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A plain Debian, as somebody has it who begins to read the README: systemd, a kernel and apt.

It has no compiler and nothing that vmgen needs. apt gets that from a repository on the disk, with
what Debian's own offers for the README's lines, Recommends too. Unlike in debian.py and
installed.py all is done in the booted system.
"""

import pathlib
import re
import shlex
import shutil
import tempfile
import time

from harness import builder, cache, image, kernel as kernels, machine, readme, repository
from harness.debian import SMALL_INITRD, Debian, chroot
from harness.installed import ARCHIVE, BEFORE, files, source
from harness.suite import unpack

SUITES = {"bookworm": kernels.BOOKWORM, "trixie": kernels.TRIXIE[:2],
          "testing": ("testing", "testing-security")}
# What becomes another one without another name.
MOVING = ("testing",)
KERNEL = "linux-image-amd64"
# Sparse; the build's packages and what is built take more than what other tests install.
SIZE = "8G"
# Of one line of the README. Compilers are slow in an emulated machine that others share.
LINE_TIMEOUT = 5400
WHERE = "/root/where"
# Somebody at a terminal is asked, and says yes.
ANSWERS = 'APT::Get::Assume-Yes "true";\n'


def lines(way, number=0):
    """The lines of a block of a way to install, those that go on put together."""
    text = readme.way(way)[number].replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines()
            if line.strip() and not line.startswith("#")]


def own():
    """The files of vmgen's packages that the README's line names, as it names them."""
    return [word for line in lines("Packages") for word in line.split() if word[:2] == "./"]


def wanted():
    """All that the README's lines have apt install of others, as apt-get satisfy takes it."""
    control = (repository.TOP / "packaging/debian/control").read_text("utf-8")
    fields = [re.search(r"(?ms)^Build-Depends:(.*?)^\S", control).group(1), "build-essential"]
    for name in (pathlib.Path(word).name.split("_")[0] for word in own()):
        stanza = re.search(rf"(?ms)^Package: {name}\n(.*?)(?:^\n|\Z)", control).group(1)
        fields += re.findall(r"(?m)^(?:Depends|Recommends): (.*)$", stanza)
    found = {word.strip() for field in fields for word in field.split(",")}
    for way in ("Packages", "Source"):
        for line in lines(way):
            words = shlex.split(line)
            if words[:2] == ["apt-get", "install"]:
                found |= {word for word in words[2:] if word[0] not in "-./"}
    return ", ".join(sorted(word for word in found | {"dkms"}
                            if word and "vmgen" not in word and "${" not in word))


def make(suite, needs, new):
    (new / "debs").mkdir()
    fetch = ('rm -f "$1"/var/cache/apt/archives/*.deb && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" '
             f'apt-get -y --download-only --install-recommends satisfy {shlex.quote(needs)} && '
             f'cp "$1"/var/cache/apt/archives/*.deb {new}/debs && chroot "$1" apt-get clean')
    unpack(SUITES[suite], new / "root", "--variant=minbase",
           f"--include={','.join((*repository.SYSTEM, KERNEL))}",
           f"--essential-hook={SMALL_INITRD}", f"--customize-hook={fetch}")
    root = new / "root"
    repository.index(new / "debs")
    (new / "debs").rename(root / ARCHIVE)
    for path in (root / "etc/apt/sources.list.d").iterdir():
        path.unlink()
    (root / "etc/apt/sources.list").write_text(source(ARCHIVE), "ascii")
    (root / "etc/apt/apt.conf.d/answers").write_text(ANSWERS, "ascii")
    chroot(root, "/", "apt-get -q update")
    image.make(root, new / "image", SIZE)
    shutil.rmtree(root)


def system(suite):
    """The image, from the cache."""
    month = (time.strftime("%Y-%m", time.gmtime()),) if suite in MOVING else ()
    needs = wanted()
    key = repository.digest(suite, *repository.SYSTEM, SMALL_INITRD, SIZE, needs, *month)
    target = cache.directory() / "plain" / f"{suite}-{key}.ext4"
    if not target.exists():
        with cache.locked(f"plain-{suite}") as new:
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                make(suite, needs, new)
                (new / "image").rename(target)
    return cache.used(target)


def brought(text):
    """What apt says that it brings."""
    found = [re.search(pattern, text) for pattern in (
        r"(\d+) newly installed|Installing: (\d+)", r"Need to get (?:[\d.,]+ \w+/)?([\d.,]+ \w+)|"
        r"Download size: (?:[\d.,]+ \w+ / )?([\d.,]+ \w+)",
        r"([\d.,]+ \w+) of additional disk space|Space needed: ([\d.,]+ \w+)")]
    new, fetch, disk = (next(filter(None, match.groups())) if match else "?" for match in found)
    return f"{new} packages, {fetch} to fetch, {disk} on the disk"


def offer(suite, debs):
    """What apt would bring to a plain system with the README's line that installs packages."""
    line = next(line for line in lines("Packages") if "./build/deb/" in line)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="offer-", dir=machine.scratch()))
    image.copy(system(suite), directory / "raw")
    with image.mounted(directory / "raw", directory / "root") as root:
        (root / "build/deb").mkdir(parents=True)
        for deb in debs:
            shutil.copy(deb, root / "build/deb")
        return brought(chroot(root, "/", f"{line} -o APT::Get::Assume-Yes=false --assume-no "
                              "2>&1 || true"))


def tarball():
    """What somebody without git has: `make dist`."""
    # Where nothing else is: make would take files of a system for its own.
    directory = pathlib.Path(tempfile.mkdtemp(prefix="dist-", dir=machine.scratch()))
    builder.make("dist", directory, repository.version())
    return next((directory / "dist").glob("vmgen-*.tar.gz"))


def build(suite, way, directory, *patterns):
    """{name: bytes} of these files in a directory of the source, after all of the README's lines
    that build for the system's own kernel; in its files, as compilers are slow where it runs."""
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="build-", dir=machine.scratch()))
    image.copy(system(suite), scratch / "raw")
    with image.mounted(scratch / "raw", scratch / "root") as root:
        release = next((root / "lib/modules").iterdir()).name
        kernels.run(["tar", "-xf", tarball(), "-C", root / "root"])
        kernel, *others = lines(way)
        kernel, count = re.subn(r"^kernel=\S+$", f"kernel={release}", kernel)
        assert count == 1, kernel
        source = f"/root/vmgen-{repository.version()}"
        builder.inside(root, source, "\n".join((kernel, *others)))
        built = {path.name: path.read_bytes() for pattern in patterns
                 for path in (root / source[1:] / directory).glob(pattern)}
    shutil.rmtree(scratch)
    return built


class Plain(Debian):
    """It boots with the source's tar file in /root; what is in content lies there as well."""

    def __init__(self, suite, content=None):    # pylint: disable=super-init-not-called
        self.name = suite
        directory = pathlib.Path(tempfile.mkdtemp(prefix="plain-", dir=machine.scratch()))
        image.copy(system(suite), directory / "raw")
        with image.mounted(directory / "raw", directory / "root") as root:
            self.take_kernel(root, directory)
            self.add_agent(root)
            shutil.copy(tarball(), root / "root/vmgen.tar.gz")
            for name, data in (content or {}).items():
                (root / "root" / name).write_bytes(data)
            (root / BEFORE[1:]).write_text("".join(f"{path}\n" for path in sorted(files(root))),
                                           "utf-8", "surrogateescape")
        self.disk = directory / "disk"
        image.add_layer(directory / "raw", self.disk)

    def take_kernel(self, root, directory):
        self.release = next((root / "lib/modules").iterdir()).name
        self.vmlinuz, self.initrd = directory / "vmlinuz", directory / "initrd"
        shutil.copy(root / "vmlinuz", self.vmlinuz)
        shutil.copy(root / "initrd.img", self.initrd)

    def boot(self, guid, disk=None, **keywords):
        return super().boot(guid, disk, **{"memory": 2048, "cpus": 2, **keywords})


def enter(g):
    """Unpack the source, and be there from now on, as type() is."""
    g.run(f"cd /root && tar -xf vmgen.tar.gz && cd vmgen-* && pwd >{WHERE}", timeout=600)


def execute(g, line):
    """(exit status, output, seconds of the guest) of a line, as root types it in one shell after
    another: where it is stays."""
    began = g.uptime()
    status, output = g.execute(f"export HOME=/root; cd \"$(cat {WHERE})\" || exit\n{line}\n"
                               f"status=$?; pwd >{WHERE}; exit $status", LINE_TIMEOUT)
    return status, output, g.uptime() - began
