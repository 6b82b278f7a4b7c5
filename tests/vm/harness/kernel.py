# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Debian's own kernels for the tests: fetched with apt and unpacked.

Nothing is installed on the machine: packages of any suite come through a private apt
configuration and are unpacked into a cache outside the checkout, where later runs find them
without a network.
"""

import argparse
import dataclasses
import hashlib
import importlib
import json
import os
import pathlib
import re
import subprocess
import sys

from harness import cache

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class KernelError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Source:
    suites: tuple
    release: str            # pattern of `uname -r`; the newest that matches is taken
    chroot: bool = False    # its modules need a compiler of those suites, not the machine's
    config: tuple = ()      # built from source with these together, see debug.py
    arch: str = "amd64"     # as Debian calls it


BULLSEYE = ("bullseye", "bullseye-security")
BOOKWORM = ("bookworm", "bookworm-security")
TRIXIE = ("trixie", "trixie-security", "trixie-backports")
KERNELS = {
    "5.10": Source(BULLSEYE, r"5\.10\.0-\d+-amd64"),
    "6.1": Source(BOOKWORM, r"6\.1\.0-\d+-amd64"),
    "6.1-cloud": Source(BOOKWORM, r"6\.1\.0-\d+-cloud-amd64"),
    "6.1-rt": Source(BOOKWORM, r"6\.1\.0-\d+-rt-amd64"),
    "6.12": Source(BOOKWORM, r"6\.12\.\d+\+deb12(\.\d+)?-amd64"),
    "6.12-rt": Source(BOOKWORM, r"6\.12\.\d+\+deb12(\.\d+)?-rt-amd64"),
    "6.1-arm64": Source(BOOKWORM, r"6\.1\.0-\d+-arm64", chroot=True, arch="arm64"),
    "6.12-arm64": Source(BOOKWORM, r"6\.12\.\d+\+deb12(\.\d+)?-arm64", chroot=True,
                         arch="arm64"),
    "6.12-rt-arm64": Source(BOOKWORM, r"6\.12\.\d+\+deb12(\.\d+)?-rt-arm64", chroot=True,
                            arch="arm64"),
    "newest-arm64": Source(TRIXIE, r"\d+\.\d+\.\d+\+deb13(\.\d+)?-arm64", chroot=True,
                           arch="arm64"),
    # With pages of 16 KiB.
    "newest-16k-arm64": Source(TRIXIE, r"\d+\.\d+\.\d+\+deb13(\.\d+)?-arm64-16k", chroot=True,
                               arch="arm64"),
    # Debian 13's own, where the whole Debian is of interest.
    "6.12-trixie": Source(TRIXIE, r"6\.12\.\d+\+deb13(\.\d+)?-amd64", chroot=True),
    "7.2": Source(TRIXIE, r"7\.2\.\d+\+deb13(\.\d+)?-amd64", chroot=True),
    # Of any series: 7.3 when this was written.
    "newest": Source(TRIXIE, r"\d+\.\d+\.\d+\+deb13(\.\d+)?-amd64", chroot=True),
    "newest-cloud": Source(TRIXIE, r"\d+\.\d+\.\d+\+deb13(\.\d+)?-cloud-amd64", chroot=True),
    "newest-rt": Source(TRIXIE, r"\d+\.\d+\.\d+\+deb13(\.\d+)?-rt-amd64", chroot=True),
    "bare": Source(BOOKWORM, "linux-source-6.1", config=("bare.config",)),
    "debug": Source(BOOKWORM, "linux-source-6.1",
                    config=("debug.config", "debug-amd64.config")),
    "debug-arm64": Source(BOOKWORM, "linux-source-6.12", chroot=True, arch="arm64",
                          config=("debug.config", "debug-arm64.config")),
}


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    release: str
    root: pathlib.Path      # the packages, unpacked
    tools: tuple            # packages that the kernel's own build tools depend on
    chroot: tuple = ()      # the suites with those tools; empty if they are on the machine
    arch: str = "amd64"

    # From 7.2 on nothing lies in /boot; installing the package copies it there.
    @property
    def vmlinuz(self):
        boot = self.root / "boot" / f"vmlinuz-{self.release}"
        return boot if boot.exists() else self.modules / "vmlinuz"

    @property
    def headers(self):
        return self.root / "usr/src" / f"linux-headers-{self.release}"

    @property
    def modules(self):
        usr = self.root / "usr/lib/modules" / self.release
        return usr if usr.is_dir() else self.root / "lib/modules" / self.release

    @property
    def busybox(self):
        """Of its architecture; the same commands as the machine's."""
        if self.arch == "amd64":
            return pathlib.Path("/bin/busybox")
        # Usr-merged in newer packages.
        old = self.root / "bin/busybox"
        return old if old.exists() else self.root / "usr/bin/busybox"

    @property
    def config(self):
        return self.headers / ".config"


def run(command, **kwargs):
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       stdin=subprocess.DEVNULL, check=False, **kwargs)
    if r.returncode:
        raise KernelError(f"{' '.join(map(str, command))}: exit status {r.returncode}\n{r.stdout}")
    return r.stdout


# ---- where this machine gets its packages -----------------------------------------------------


def machine_suite():
    fields = dict(line.strip().split("=", 1) for line in open("/etc/os-release", encoding="utf-8")
                  if "=" in line)
    if fields.get("ID", "").strip('"') != "debian" or "VERSION_CODENAME" not in fields:
        raise KernelError("this is not a Debian release: the tests need Debian's kernel packages")
    return fields["VERSION_CODENAME"].strip('"')


def parse_deb822(text):
    for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields = {key.lower(): value.split() for key, value in
                  re.findall(r"(?m)^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza)}
        if "deb" in fields.get("types", ()) and fields.get("enabled", ["yes"])[0].lower() != "no":
            yield from ((uri, suite) for uri in fields.get("uris", ())
                        for suite in fields.get("suites", ()))


def parse_one_line(text):
    yield from re.findall(r"(?m)^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s", text)


def machine_mirrors():
    """{suite without the code name: [URI]} of this machine: '' for the release, '-security', ..."""
    etc = pathlib.Path("/etc/apt")
    entries = []
    for path in (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))):
        if path.suffix in (".list", ".sources") and path.is_file():
            parse = parse_one_line if path.suffix == ".list" else parse_deb822
            entries += parse(path.read_text(encoding="utf-8"))

    codename = machine_suite()
    mirrors = {}
    for uri, suite in entries:
        if suite == codename or suite.startswith(codename + "-"):
            mirrors.setdefault(suite[len(codename):], []).append(uri)
    if "" not in mirrors:
        raise KernelError(f"no entry for {codename} in /etc/apt/sources.list or sources.list.d: "
                          "add one, the kernels come from the same mirror")
    return mirrors


def sources(suites, kinds="deb"):
    """The text of a deb822 sources file for these suites, on the mirrors of this machine."""
    mirrors = machine_mirrors()
    stanzas = []
    for suite in suites:
        suffix = "-security" if suite.endswith("-security") else ""
        if suffix not in mirrors:
            continue
        stanzas.append(f"Types: {kinds}\nURIs: {' '.join(mirrors[suffix])}\nSuites: {suite}\n"
                       f"Components: main\nSigned-By: {KEYRING}\n")
    return "\n".join(stanzas)


class Apt:
    """apt with a state, a cache and a source list of its own, and the machine's proxy settings.

    kinds: deb for packages, deb-src for their source.
    """

    def __init__(self, directory, suites, architectures=("amd64",), kinds="deb"):
        self.suites = " ".join(suites)
        self.debs = directory / "debs"
        self.debs.mkdir(parents=True)
        for name in ("etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"):
            (directory / name).mkdir(parents=True)
        (directory / "etc/vmgen.sources").write_text(sources(suites, kinds), encoding="utf-8")
        acquire = [line for line in run(["apt-config", "dump"]).splitlines()
                   if line.startswith("Acquire::")]
        own = [f'Dir::Etc "{directory}/etc";', 'Dir::Etc::main "/dev/null";',
               f'Dir::Etc::parts "{directory}/etc/apt.conf.d";',
               f'Dir::Etc::sourcelist "{directory}/etc/vmgen.sources";',
               'Dir::Etc::sourceparts "/dev/null";', 'Dir::Etc::preferences "/dev/null";',
               'Dir::Etc::preferencesparts "/dev/null";',
               f'Dir::State "{directory}/state";', 'Dir::State::status "/dev/null";',
               f'APT::Architectures "{",".join(architectures)}";',
               f'Dir::Cache "{directory}/cache";', 'Acquire::Languages "none";',
               # An old suite's index is no longer renewed, but it is still signed.
               'Acquire::Check-Valid-Until "false";', 'APT::Sandbox::User "root";']
        config = directory / "apt.conf"
        config.write_text("\n".join(acquire + own) + "\n", encoding="utf-8")
        self.env = {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C.UTF-8"}
        try:
            run(["apt-get", "update", "--error-on=any"], env=self.env)
        except KernelError as e:
            raise KernelError(f"apt cannot read the suites {self.suites}. A suite that has "
                              "left the mirror (it is in Debian's archive then) needs a "
                              f"successor in tests/vm.\n{e}") from e

    def releases(self, kind, release):
        """Releases that match the pattern and have a package linux-KIND-RELEASE, oldest first."""
        found = [m.group(1) for name in run(["apt-cache", "pkgnames", f"linux-{kind}-"],
                                            env=self.env).split()
                 if (m := re.fullmatch(f"linux-{kind}-({release})", name))]
        if not found:
            raise KernelError(f"no package linux-{kind}-{release} in the suites {self.suites}: "
                              "where Debian has dropped it, name another one in tests/vm")
        # The digits of amd64 are none of the version's.
        return sorted(found, key=lambda r: [int(n) for n in
                                            re.findall(r"\d+", re.sub("[a-z]+64$", "", r))])

    def depends(self, package):
        text = run(["apt-cache", "depends", "--no-recommends", "--no-suggests", package],
                   env=self.env)
        # Those of another architecture are written <name:arch>; without it, they are the machine's.
        return re.findall(r"(?m)^ [ |]Depends: <?([^<>:\s]+)(?::\w+>?)?$", text)

    def source(self, package, target):
        """The newest source of a package, with Debian's changes, below target; returns its version."""
        target.mkdir()
        run(["apt-get", "source", package], env=self.env, cwd=target)
        dsc = next(target.glob("*.dsc")).read_text("utf-8")
        return re.search(r"(?m)^Version: (\S+)", dsc).group(1)

    def unpack(self, packages, target, gone_ok=False):
        """Returns the packages that were unpacked, as an index may name some that are gone."""
        try:
            run(["apt-get", "download", *packages], env=self.env, cwd=self.debs)
        except KernelError as e:
            errors = re.findall(r"(?m)^E: Failed to fetch .*", str(e))
            if not (gone_ok and errors and all(" 404 " in line for line in errors)):
                raise
        unpacked = set()
        for deb in self.debs.iterdir():
            run(["dpkg-deb", "-x", deb, target])
            unpacked.add(deb.name.split("_")[0])
            deb.unlink()
        return unpacked


# ---- kernels ----------------------------------------------------------------------------------


def row(name):
    if name not in KERNELS:
        raise KernelError(f"unknown kernel {name}: use one of {' '.join(KERNELS)}")
    return KERNELS[name]


def config(source):
    """The text that a kernel is configured with."""
    directory = pathlib.Path(__file__).parent
    return "\n".join((directory / name).read_text("ascii") for name in source.config)


def mark(source):
    """The end of the release of a kernel that was built with this configuration."""
    return hashlib.sha256(config(source).encode()).hexdigest()[:8]


def find(name):
    """The kernel from the cache, or None."""
    source = row(name)
    link = cache.directory() / "kernels" / name
    if not link.exists():
        return None
    root = link.resolve()
    if source.config and not root.name.endswith(mark(source)):
        return None
    return Kernel(name=name, root=root, chroot=source.suites if source.chroot else (),
                  arch=source.arch,
                  **json.loads((root / "kernel.json").read_text("ascii")))


def point_headers_at_each_other(root, release):
    """Debian's header packages name each other below /usr/src; make them meet where they lie."""
    makefile = root / "usr/src" / f"linux-headers-{release}" / "Makefile"
    makefile.write_text(makefile.read_text("ascii").replace(
        "/usr/src/", "$(realpath $(CURDIR)/..)/"), "ascii")


def header_packages(apt, release):
    """(packages with the headers of a release, packages with the tools to build against them)"""
    package = f"linux-headers-{release}"
    depends = apt.depends(package)
    parts = [p for p in depends if p.startswith(("linux-headers-", "linux-kbuild-"))]
    tools = {p for p in depends if p.startswith("gcc-")}
    for part in parts:
        if part.startswith("linux-kbuild-"):
            tools.update(apt.depends(part))
    return [package, *parts], sorted(tools)


def unpack_kernel(apt, release, root):
    headers, tools = header_packages(apt, release)
    image = f"linux-image-{release}"
    # From 7.2 on the image is a package without files, and its parts are others.
    parts = [p for p in apt.depends(image) if p.endswith(f"-{release}")]
    root.mkdir()
    apt.unpack([image, *parts, *headers], root)
    point_headers_at_each_other(root, release)
    (root / "kernel.json").write_text(json.dumps({"release": release, "tools": tools}), "ascii")


def unpack_busybox(apt, source, root):
    """Of another architecture: its guests cannot run the machine's."""
    # A newer one than that lies elsewhere.
    apt.unpack([f"busybox-static:{source.arch}/{source.suites[0]}"], root)


def place(new, name, release):
    """Move a kernel that is complete to its place, and have its name mean it."""
    kernels = cache.directory() / "kernels"
    kernels.mkdir(exist_ok=True)
    if not (kernels / release).is_dir():
        (new / release).rename(kernels / release)
    # Renamed too, so that a process that reads the link meanwhile finds the old one or the new one.
    (new / name).symlink_to(release)
    (new / name).rename(kernels / name)


def fetch_one(apt, name, new, say):
    release = apt.releases("image", row(name).release)[-1]
    if not (cache.directory() / "kernels" / release).is_dir():
        say(f"{name}: fetching Linux {release}")
        unpack_kernel(apt, release, new / release)
        if row(name).arch != "amd64":
            unpack_busybox(apt, row(name), new / release)
    place(new, name, release)


def build_one(name, refresh, say):
    source = row(name)
    # Of its own, because it takes minutes in which others want to fetch.
    with cache.locked("source") as new:
        if find(name) and not refresh:
            return
        say(f"{name}: building {source.release}, which takes some minutes")
        # Imports this module, which has to be complete by then.
        release = importlib.import_module("harness.debug").build(source, new)
        place(new, name, release)


def fetch(names, refresh=False, say=lambda text: print(text, file=sys.stderr, flush=True)):
    """Put the named kernels into the cache; without refresh, those already there stay."""
    for name in names:
        if row(name).config:
            build_one(name, refresh, say)
    names = [name for name in names if not row(name).config]
    with cache.locked("kernels") as new:
        missing = [name for name in names if refresh or not find(name)]
        if not missing:
            return
        suites = dict.fromkeys(s for name in missing for s in row(name).suites)
        say(f"{' '.join(missing)}: reading the package lists of {' '.join(suites)}")
        apt = Apt(new / "apt", suites,
                  dict.fromkeys(("amd64", *(row(name).arch for name in missing))))
        for name in missing:
            fetch_one(apt, name, new, say)


def load(name):
    """The named kernel, fetched first where it is not in the cache."""
    found = find(name)
    if not found:
        fetch([name])
        found = find(name)
    return found


# ---- command line -----------------------------------------------------------------------------


def list_kernels():
    for name, source in KERNELS.items():
        found = find(name)
        print(f"{name:10} {found.release if found else '-':24} {' '.join(source.suites)}"
              f"{'  (built in a chroot)' if source.chroot else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="kernels, and which of them are in the cache")
    p = commands.add_parser("fetch", help="put kernels into the cache")
    p.add_argument("--refresh", action="store_true", help="take the newest, also if one is there")
    p.add_argument("name", nargs="+", choices=KERNELS)
    p = commands.add_parser("headers", help="print the directory to build modules against")
    p.add_argument("name", choices=KERNELS)
    args = parser.parse_args()
    if args.command == "list":
        list_kernels()
    elif args.command == "fetch":
        fetch(args.name, args.refresh)
    else:
        print(load(args.name).headers)


if __name__ == "__main__":
    # As the module that others import, so that there is only one of it.
    kernel = importlib.import_module("harness.kernel")
    try:
        kernel.main()
    except (kernel.KernelError, OSError) as error:
        sys.exit(f"kernel.py: {error}")
