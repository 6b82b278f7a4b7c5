# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Debian's libvirt in a directory of its own: a host, or two that are connected.

    with Libvirt("one") as one, Libvirt("two") as two:
        connect(one, two)
        one.virsh("migrate", "--live", NAME, *two.place(one))
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import uuid

from harness import cache, kernel as kernels, repository
from harness.guest import end_with_parent
from harness.machine import scratch
from harness.suite import unpack

# libvirt 9, and one that reverts to snapshots whose memory lies outside.
RELEASES = {name: (name, f"{name}-security") for name in ("bookworm", "trixie")}
# virtinst: virt-clone, whose code virt-manager has too, and virt-xml.
PACKAGES = ("libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients", "qemu-system-x86",
            "qemu-utils", "virtinst")
# What libvirt-daemon had in it once.
PARTS = {"bookworm": (), "trixie": ("libvirt-daemon-driver-storage",)}
PATIENCE = 180      # seconds
URI = "qemu:///system"
FILES = {
    # A package for systemd, which does not run there, would make that user.
    "etc/passwd": "root:x:0:0::/:/bin/sh\nlibvirt-qemu:x:64055:64055::/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nlibvirt-qemu:x:64055:\n",
    # Two on one machine would have its UUID, and a machine is not migrated to where it is.
    "etc/libvirt/libvirtd.conf": 'auth_unix_ro = "none"\nauth_unix_rw = "none"\n'
                                 'host_uuid = "{host_uuid}"\n',
    "etc/libvirt/qemu.conf": ('user = "root"\ngroup = "root"\nsecurity_driver = "none"\n'
                              'namespaces = []\ncgroup_controllers = []\nremember_owner = 0\n'
                              'stdio_handler = "file"\n'),
}
# The shell stays PID 1, which takes what QEMU leaves behind; with it all that it started ends.
DAEMON = """mount --make-rprivate / && mount -t proc proc "$1/proc" &&
mount -t sysfs sysfs "$1/sys" && mount --rbind /dev "$1/dev" &&
echo "$2" >/proc/sys/kernel/hostname || exit
chroot "$1" libvirtd
exit"""
SOCKET = "run/libvirt/libvirt-sock"


def system(release):
    """The directory in the cache, with what is in those packages and nothing set up."""
    suites, packages = RELEASES[release], (*PACKAGES, *PARTS[release])
    target = cache.directory() / "libvirt" / repository.digest(*suites, *packages)
    with cache.locked("libvirt") as new:
        if not target.is_dir():
            target.parent.mkdir(exist_ok=True)
            unpack(suites, new / "root", "--variant=extract", f"--include={','.join(packages)}")
            (new / "root").rename(target)
    return cache.used(target)


class LibvirtError(Exception):
    pass


class Libvirt:
    """libvirtd of this process alone, on a host of that name."""

    def __init__(self, name="host", release="bookworm"):
        self.name = name
        self.release = release
        self.address = None
        self.root = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="libvirt-")) / "root"
        kernels.run(["cp", "-a", system(release), self.root])
        self.log = self.root / "vm/libvirtd"
        self._furnish()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "sh",
                 "-c", DAEMON, "sh", self.root, name], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, preexec_fn=end_with_parent)

    def _furnish(self):
        for directory in ("dev", "proc", "run", "sys", "tmp", "vm"):
            (self.root / directory).mkdir(exist_ok=True)
        # Where packages have something there it is a directory as yet.
        shutil.rmtree(self.root / "var/run", ignore_errors=True)
        (self.root / "var/run").symlink_to("/run")
        for path, text in FILES.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text.replace("{host_uuid}", str(uuid.uuid4())), "ascii")
        # Another that its package would make, without which virtinst does not start.
        found = (self.root / "usr/share/ca-certificates").rglob("*.crt")
        bundle = self.root / "etc/ssl/certs/ca-certificates.crt"
        bundle.write_bytes(b"".join(path.read_bytes() for path in sorted(found)))

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE
        while not (self.root / SOCKET).exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise LibvirtError(f"libvirtd did not start: {self.log.read_text('utf-8')}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()

    def run(self, *command):
        """The output of one of the host's programs that must succeed."""
        r = subprocess.run(["chroot", self.root, *command], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, check=False, timeout=PATIENCE,
                           env={**os.environ, "LC_ALL": "C.UTF-8"})
        if r.returncode:
            raise LibvirtError(f"{' '.join(command)}: {r.stdout}{r.stderr}")
        return r.stdout

    def virsh(self, *words):
        return self.run("virsh", "-q", "-c", URI, *words)

    def version(self):
        return self.virsh("--version").strip()

    def virtinst(self, name, *words):
        """A program of virtinst: some begin with env, which is not there."""
        return self.run("python3", f"/usr/bin/{name}", "--connect", URI, *words)

    def place(self, source):
        """Words of virsh migrate on the source: where this host is."""
        way = source.root / "run" / self.name
        if not way.exists():
            os.link(self.root / SOCKET, way)
        return f"qemu+unix:///system?socket=/run/{self.name}", "--migrateuri", f"tcp://{self.address}"


def connect(one, other):
    """A wire between the network name spaces of two hosts."""
    spaces = [f"/proc/{host.process.pid}/ns/net" for host in (one, other)]
    kernels.run(["ip", "link", "add", "wire", "netns", str(one.process.pid), "type", "veth",
                 "peer", "name", "wire", "netns", str(other.process.pid)])
    for number, (host, space) in enumerate(zip((one, other), spaces), 1):
        host.address = f"10.0.0.{number}"
        for words in (["addr", "add", f"{host.address}/24"], ["link", "set", "up"]):
            kernels.run(["nsenter", f"--net={space}", "ip", *words, "dev", "wire"])
