#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Debian's own kernels for the tests: fetched with apt, unpacked, modules built against them.

Nothing is installed on the machine: packages of any suite come through a private apt
configuration and are unpacked into a cache outside the checkout, where later runs find them
without a network.
"""

import argparse
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What the machine's own compiler is called; a kernel that needs a newer one says chroot=True.
COMPILER = "gcc-12"
STAMP = "build.hash"


class KernelError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Source:
    suites: tuple       # the first is where a chroot is made from
    release: str        # pattern of `uname -r`; the newest that matches is taken
    chroot: bool = False


KERNELS = {
    "5.10": Source(("bullseye", "bullseye-security"), r"5\.10\.0-\d+-amd64"),
    "6.1": Source(("bookworm", "bookworm-security"), r"6\.1\.0-\d+-amd64"),
    "6.1-cloud": Source(("bookworm", "bookworm-security"), r"6\.1\.0-\d+-cloud-amd64"),
    "6.12": Source(("bookworm", "bookworm-security"), r"6\.12\.\d+\+deb12(\.\d+)?-amd64"),
}


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    release: str
    root: pathlib.Path      # the packages, unpacked
    tools: tuple            # packages that the kernel's own build tools depend on

    @property
    def vmlinuz(self):
        return self.root / "boot" / f"vmlinuz-{self.release}"

    @property
    def headers(self):
        return self.root / "usr/src" / f"linux-headers-{self.release}"

    @property
    def modules(self):
        usr = self.root / "usr/lib/modules" / self.release
        return usr if usr.is_dir() else self.root / "lib/modules" / self.release

    @property
    def config(self):
        return self.root / "boot" / f"config-{self.release}"


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    path = pathlib.Path(os.environ.get("VMGEN_CACHE") or pathlib.Path(base) / "vmgen").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """One process at a time; yields an empty directory in the cache's file system.

    What is made there is renamed to its place when it is complete. The directory is emptied
    at both ends, because a run that was killed leaves it behind.
    """
    new = cache() / f"{name}.new"
    with open(cache() / f"{name}.lock", "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        yield new
        shutil.rmtree(new)


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


def sources(suites):
    """The text of a deb822 sources file for these suites, on the mirrors of this machine."""
    mirrors = machine_mirrors()
    stanzas = []
    for suite in suites:
        suffix = "-security" if suite.endswith("-security") else ""
        if suffix not in mirrors:
            continue
        stanzas.append(f"Types: deb\nURIs: {' '.join(mirrors[suffix])}\nSuites: {suite}\n"
                       f"Components: main\nSigned-By: {KEYRING}\n")
    return "\n".join(stanzas)


class Apt:
    """apt with a state, a cache and a source list of its own, and the machine's proxy settings."""

    def __init__(self, directory, suites):
        self.suites = " ".join(suites)
        for name in ("etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"):
            (directory / name).mkdir(parents=True)
        (directory / "etc/vmgen.sources").write_text(sources(suites), encoding="utf-8")
        acquire = [line for line in run(["apt-config", "dump"]).splitlines()
                   if line.startswith("Acquire::")]
        own = [f'Dir::Etc "{directory}/etc";', 'Dir::Etc::main "/dev/null";',
               f'Dir::Etc::parts "{directory}/etc/apt.conf.d";',
               f'Dir::Etc::sourcelist "{directory}/etc/vmgen.sources";',
               'Dir::Etc::sourceparts "/dev/null";', 'Dir::Etc::preferences "/dev/null";',
               'Dir::Etc::preferencesparts "/dev/null";',
               f'Dir::State "{directory}/state";', 'Dir::State::status "/dev/null";',
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
                              "left the mirror (it is in Debian's archive then) needs another row "
                              f"in tests/vm/kernel.py.\n{e}") from e

    def newest(self, release):
        found = [m.group(1) for name in run(["apt-cache", "pkgnames", "linux-image-"],
                                            env=self.env).split()
                 if (m := re.fullmatch(f"linux-image-({release})", name))]
        if not found:
            raise KernelError(f"no package linux-image-{release} in the suites {self.suites}")
        return max(found, key=lambda r: [int(n) for n in re.findall(r"\d+", r)])

    def depends(self, package):
        text = run(["apt-cache", "depends", "--no-recommends", "--no-suggests", package],
                   env=self.env)
        return re.findall(r"(?m)^ [ |]Depends: ([^<\s]+)", text)

    def unpack(self, packages, target):
        debs = target.with_name(f"{target.name}.debs")
        debs.mkdir()
        run(["apt-get", "download", *packages], env=self.env, cwd=debs)
        for deb in debs.iterdir():
            run(["dpkg-deb", "-x", deb, target])
            deb.unlink()


# ---- kernels ----------------------------------------------------------------------------------


def row(name):
    if name not in KERNELS:
        raise KernelError(f"unknown kernel {name}: use one of {' '.join(KERNELS)}")
    return KERNELS[name]


def find(name):
    """The kernel from the cache, or None."""
    row(name)
    link = cache() / "kernels" / name
    if not link.exists():
        return None
    root = link.resolve()
    return Kernel(name=name, root=root, **json.loads((root / "kernel.json").read_text("ascii")))


def point_headers_at_each_other(root, release):
    """Debian's header packages name each other below /usr/src; make them meet where they lie."""
    makefile = root / "usr/src" / f"linux-headers-{release}" / "Makefile"
    makefile.write_text(re.sub(r"(?m)^include /usr/src/(\S+)/Makefile$",
                               r"include $(realpath $(CURDIR)/../\1)/Makefile",
                               makefile.read_text("ascii")), "ascii")


def unpack_kernel(apt, release, root):
    headers = apt.depends(f"linux-headers-{release}")
    parts = [p for p in headers if p.startswith(("linux-headers-", "linux-kbuild-"))]
    tools = [p for p in headers if p.startswith("gcc-")]
    for package in parts:
        if package.startswith("linux-kbuild-"):
            tools += apt.depends(package)
    root.mkdir()
    apt.unpack([f"linux-image-{release}", f"linux-headers-{release}", *parts], root)
    point_headers_at_each_other(root, release)
    (root / "kernel.json").write_text(
        json.dumps({"release": release, "tools": sorted(set(tools))}), "ascii")


def fetch_one(apt, name, new, say):
    kernels = cache() / "kernels"
    kernels.mkdir(exist_ok=True)
    release = apt.newest(row(name).release)
    if not (kernels / release).is_dir():
        say(f"{name}: fetching Linux {release}")
        unpack_kernel(apt, release, new / release)
        (new / release).rename(kernels / release)
    # Renamed too, so that whoever reads the link meanwhile finds the old one or the new one.
    (new / name).symlink_to(release)
    (new / name).rename(kernels / name)


def fetch(names, refresh=False, say=lambda text: print(text, file=sys.stderr, flush=True)):
    """Put the named kernels into the cache; without refresh, those already there stay."""
    with locked("kernels") as new:
        missing = [name for name in names if refresh or not find(name)]
        if not missing:
            return
        suites = dict.fromkeys(s for name in missing for s in row(name).suites)
        say(f"{' '.join(missing)}: reading the package lists of {' '.join(suites)}")
        apt = Apt(new / "apt", suites)
        for name in missing:
            fetch_one(apt, name, new, say)


def load(name):
    """The named kernel, fetched first where it is not in the cache."""
    found = find(name)
    if not found:
        fetch([name])
        found = find(name)
    return found


# ---- modules ----------------------------------------------------------------------------------


def make_chroot(kernel):
    """A small system of the kernel's own suite, for kernels too new for this one's compiler."""
    target = cache() / "chroots" / kernel.release
    suites = row(kernel.name).suites
    with locked("chroots") as new:
        if not target.is_dir():
            target.parent.mkdir(exist_ok=True)
            (new / "vmgen.sources").write_text(sources(suites), encoding="utf-8")
            run(["mmdebstrap", "--variant=essential",
                 f"--include={','.join(('make', *kernel.tools))}",
                 '--aptopt=Acquire::Check-Valid-Until "false"',
                 '--aptopt=APT::Sandbox::User "root"',
                 suites[0], str(new / "root"), str(new / "vmgen.sources")])
            (new / "root").rename(target)
    return target


def enter_chroot(kernel, out_dir):
    """The command prefix that runs make inside, with headers and module at their own paths."""
    if os.geteuid():
        raise KernelError(f"{kernel.name}: its modules are built in a chroot, which needs root")
    root = make_chroot(kernel)
    script = ('root=$1; shift; mount --rbind /dev "$root/dev"; '
              'for d in "$1" "$2"; do mkdir -p "$root$d"; mount --bind "$d" "$root$d"; done; '
              'shift 2; exec chroot "$root" "$@"')
    return ["unshare", "--mount", "sh", "-ec", script, "sh", str(root),
            str(kernel.root), str(out_dir)]


def source_hash(kernel, source_dir):
    h = hashlib.sha256(f"{kernel.release} {os.environ.get('KCFLAGS', '')}\n".encode())
    for path in sorted(p for p in source_dir.rglob("*") if p.is_file()):
        content = path.read_bytes()
        h.update(f"{path.relative_to(source_dir)} {len(content)}\n".encode() + content)
    return h.hexdigest()


def copy_source(source_dir, out_dir):
    if not source_dir.is_dir():
        raise KernelError(f"{source_dir}: no such directory")
    if out_dir.exists():
        if any(out_dir.iterdir()) and not (out_dir / STAMP).exists():
            raise KernelError(f"{out_dir} is in use for something else: name an empty directory")
        shutil.rmtree(out_dir)
    shutil.copytree(source_dir, out_dir)
    # From here on the directory is known as ours, also when the build fails.
    (out_dir / STAMP).write_text("", "ascii")


def build_module(kernel, source_dir, out_dir):
    """Build the module in a copy of source_dir; returns the path of the one .ko it makes.

    KCFLAGS of the environment reaches the compiler. The messages are in out_dir/build.log.
    """
    source_dir, out_dir = pathlib.Path(source_dir).resolve(), pathlib.Path(out_dir).resolve()
    stamp = out_dir / STAMP
    wanted = source_hash(kernel, source_dir)
    if not stamp.exists() or stamp.read_text("ascii") != wanted:
        copy_source(source_dir, out_dir)
        command = ["make", "-C", str(kernel.headers), f"M={out_dir}", "modules"]
        if row(kernel.name).chroot:
            command = enter_chroot(kernel, out_dir) + command
        else:
            command.append(f"CC={COMPILER}")
        # Variables of a make that runs this are not meant for the kernel's.
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKEOVERRIDES", "O")}
        (out_dir / "build.log").write_text(run(command, env=env), encoding="utf-8")
        stamp.write_text(wanted, "ascii")
    modules = list(out_dir.glob("*.ko"))
    if len(modules) != 1:
        raise KernelError(f"{source_dir}: made {len(modules)} modules, not one")
    return modules[0]


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
    p = commands.add_parser("module", help="build a module; prints its path")
    p.add_argument("name", choices=KERNELS)
    p.add_argument("--source", required=True, help="directory with the module's Kbuild")
    p.add_argument("--out", required=True, help="directory to build in; replaced")
    args = parser.parse_args()
    if args.command == "list":
        list_kernels()
    elif args.command == "fetch":
        fetch(args.name, args.refresh)
    elif args.command == "headers":
        print(load(args.name).headers)
    else:
        print(build_module(load(args.name), args.source, args.out))


if __name__ == "__main__":
    try:
        main()
    except (KernelError, OSError) as error:
        sys.exit(f"kernel.py: {error}")
