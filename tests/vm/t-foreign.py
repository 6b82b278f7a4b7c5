#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgen's packages for ARM on a whole Debian for ARM: installed there, vmgend protects it, and a
clone runs its hooks and draws other numbers than its sibling."""

import json
import subprocess
import time

from harness import tap
from harness.foreign import PACKAGES, Foreign
from harness.machine import scratch
from harness.scenario import new_guid, say

HOOK = "#!/bin/sh\necho $1 $2 >>/var/tmp/hook\n"
DRAW = "head -c 16 /dev/urandom | od -An -tx1; openssl rand -hex 16"


def add_program(root):
    """A program built with the packages' own header and library."""
    tree = scratch() / "libvmgen"
    for deb in (root / PACKAGES[1:]).glob("libvmgen*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    library = tree / "usr/lib/aarch64-linux-gnu"
    subprocess.run(["clang", "--target=aarch64-linux-gnu", "-D_GNU_SOURCE", f"-I{tree}/usr/include",
                    "-o", root / "usr/bin/info", "tests/vm/guest/info.c", library / "libvmgen.so.1"],
                   check=True)


def check_installed(g, t):
    t.equal(g.run("uname -m; dpkg --print-architecture").split(), ["aarch64", "arm64"],
            "it is a Debian for ARM")
    # Nothing else does, yet.
    t.happens("udev loads the module", g.wait_for, "test -c /dev/vmgenid")
    g.run(f"dpkg --install {PACKAGES}/*.deb", timeout=240)
    t.equal(g.run("systemctl is-active vmgend").strip(), "active", "the packages start vmgend")
    g.run("vmgenctl wait --settled", timeout=90)
    status, output = g.execute("vmgenctl check")
    if not t.equal(status, 0, "vmgenctl check is satisfied"):
        t.note(output)
    t.ok("libvmgen.so.1" in g.run("ldd /usr/bin/info"), "a program takes the library of the package")
    facts = dict(line.split(" ", 1) for line in g.run("info").splitlines())
    t.equal((facts["generation"], facts["getrandom"]), ("1", "0"), "and draws with it")
    t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), g.guid(), "the ID is the host's")


def check_clone(c, t):
    c.run("vmgenctl wait --settled 1", timeout=120)
    t.equal(c.run("cat /var/tmp/hook"), "changed 2\n", "the hooks of a clone run, once")
    report = json.loads(c.run("vmgenctl status --json"))
    t.equal((report["verdict"], report["generation"]), (0, 2), "its generation is 2")
    t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), c.guid(), "its ID is the host's new one")
    t.equal(c.run("journalctl -q -b -p err -o cat | grep -Ei 'vmgen|generation id' || true"), "",
            "no error in the journal")
    return c.run(DRAW).splitlines()


def scenario(kernel, t):
    began = time.monotonic()
    system = Foreign(kernel, prepare=add_program)
    made = time.monotonic()
    with system.boot() as g:
        booted = time.monotonic()
        check_installed(g, t)
        g.run(f"mkdir -p /etc/vmgen/hooks.d; cat >/etc/vmgen/hooks.d/80-last <<'END'\n{HOOK}END\n"
              "chmod 755 /etc/vmgen/hooks.d/80-last; vmgenctl openssl enable; sync")
        snapshot = g.snapshot()
    say(f"{kernel}: made in {made - began:.0f} s, booted in {booted - made:.0f} s, installed in "
        f"{time.monotonic() - booted:.0f} s")
    drawn = []
    for _ in range(2):
        with snapshot.clone(guid=new_guid()) as c:
            drawn.append(check_clone(c, t))
    t.ok(all(a and b and a != b for a, b in zip(*drawn, strict=True)),
         f"two clones draw different bytes, {len(drawn[0])} times")


if __name__ == "__main__":
    tap.main(scenario)
