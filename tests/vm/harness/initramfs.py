# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Writes the root file system of a test guest: a cpio archive in the format that Linux unpacks.

Written here rather than by cpio(1), because device nodes then need no root, and programs bring
the shared libraries that they were linked with.
"""

import pathlib
import re
import stat
import subprocess

BUSYBOX = pathlib.Path("/bin/busybox")
DIRECTORIES = ("bin", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "tmp",
               "usr/bin", "usr/sbin", "var/lib", "var/log")
ETC = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
}


class InitramfsError(Exception):
    pass


def shared_libraries(program):
    """{path in the guest: file} of what the dynamic loader will look for."""
    r = subprocess.run(["ldd", program], capture_output=True, text=True, check=False,
                       env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
    if r.returncode:
        # ldd says so of static programs and of scripts alike.
        if "not a dynamic executable" in r.stderr + r.stdout:
            return {}
        raise InitramfsError(f"ldd {program}: {r.stderr or r.stdout}")
    if missing := re.findall(r"(?m)^\s*(\S+) => not found", r.stdout):
        raise InitramfsError(f"{program}: libraries not found: {' '.join(missing)}")
    paths = re.findall(r"(?m)^\s*(?:\S+ => )?(/\S+) \(0x", r.stdout)
    return {path: pathlib.Path(path) for path in paths}


class Archive:
    """A newc cpio archive, built in memory; an entry that is added twice is the later one."""

    def __init__(self):
        self.entries = {}   # path without leading slash: (mode, device, content)

    def directory(self, path, mode=0o755):
        self._add(path, stat.S_IFDIR | mode)

    def file(self, path, content, mode=0o644):
        content = content.encode() if isinstance(content, str) else content
        self._add(path, stat.S_IFREG | mode, content)

    def link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path, major, minor, mode=0o600):
        self._add(path, stat.S_IFCHR | mode, b"", (major, minor))

    def program(self, path, source):
        """An executable under the given name, with its shared libraries."""
        source = pathlib.Path(source)
        self.file(path, source.read_bytes(), 0o755)
        for name, library in shared_libraries(source).items():
            self.file(name, library.read_bytes(), 0o755)

    def _add(self, path, mode, content=b"", device=(0, 0)):
        path = path.strip("/")
        parent = str(pathlib.PurePosixPath(path).parent)
        if parent != "." and parent not in self.entries:
            self.directory(parent)
        self.entries[path] = (mode, device, content)

    def write(self, output):
        for inode, (path, (mode, device, content)) in enumerate(self.entries.items(), 1):
            write_entry(output, inode, path, mode, device, content)
        write_entry(output, 0, "TRAILER!!!", 0, (0, 0), b"")


def write_entry(output, inode, path, mode, device, content):
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    output.write(head + b"\0" * (-len(head) % 4))
    output.write(content + b"\0" * (-len(content) % 4))


def base(init, busybox=BUSYBOX):
    """What every guest has: init, a shell with the usual commands, device nodes, accounts."""
    archive = Archive()
    for path in DIRECTORIES:
        archive.directory(path)
    archive.device("/dev/console", 5, 1)
    archive.device("/dev/null", 1, 3, 0o666)
    archive.file("/init", pathlib.Path(init).read_bytes(), 0o755)
    archive.file("/bin/busybox", pathlib.Path(busybox).read_bytes(), 0o755)
    applets = subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True, check=True)
    for path in applets.stdout.split():
        if path not in ("bin/busybox", "linuxrc"):
            archive.link(path, "/bin/busybox")
    for path, content in ETC.items():
        archive.file(path, content)
    return archive


def write(path, init, programs=(), modules=(), files=None, busybox=BUSYBOX):
    """Write the archive.

    programs  {path in the guest: file}: executables, with the libraries they need
    modules   kernel modules; they lie in the root directory under their own names
    files     {path in the guest: content, or (content, mode)}; str or bytes
    busybox   of the guest's architecture; the same commands as the machine's
    """
    archive = base(init, busybox)
    for name, source in dict(programs).items():
        archive.program(name, source)
    for module in modules:
        archive.file(f"/{pathlib.Path(module).name}", pathlib.Path(module).read_bytes())
    for name, value in (files or {}).items():
        content, mode = value if isinstance(value, tuple) else (value, 0o644)
        archive.file(name, content, mode)
    with open(path, "wb") as output:
        archive.write(output)
