#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's commands on a whole Debian 11: glibc 2.31, systemd 247, Linux 5.10, OpenSSL 1.1.

What make says without PROVIDER=no, and the unit tests, in a chroot of it; then clones of the
booted system.
"""

import json
import pathlib

from harness import tap, unittests
from harness.debian import Debian, chroot
from harness.scenario import new_guid

HOOK = "/etc/vmgen/hooks.d/80-last"
SOURCE = "usr/src/vmgen"
# The unit tests that there are without the provider.
NAMES = "make -s PROVIDER=no --eval='named:; @echo $(unit)' named"
# What cannot be there, as in t-cross.py; a program that ends early is one such point.
UNABLE = {"sentinel": ("the rest", "it ends with BoringSSL, which in Debian 11 lacks what it calls")}
BUILD = "make -s -j2 WERROR=1 PROVIDER=no {} >make.log 2>&1"


def check_build(root, t):
    t.equal(chroot(root, "/", "getconf GNU_LIBC_VERSION").strip(), "glibc 2.31",
            "the C library of Debian 11")
    refusal = chroot(root, f"/{SOURCE}", "make O=other 2>&1 || echo status $?")
    t.ok("libcrypto >= 3 is missing" in refusal and "status 2" in refusal and
         "make PROVIDER=no does without it" in refusal,
         "make says that OpenSSL 3 is missing, and what does without it")
    names = sorted(pathlib.PurePath(name).stem[2:]
                   for name in chroot(root, f"/{SOURCE}", NAMES).split())
    programs = " ".join(f"build/tests/unit/t-{name}.t" for name in names)
    if not t.equal(unittests.enter(root, f"/{SOURCE}", BUILD.format(programs)), 0,
                   f"{len(names)} unit tests are built"):
        t.note((root / SOURCE / "make.log").read_text("utf-8", "replace")[-4000:])
        return
    unittests.run(root, f"/{SOURCE}", names)
    for name in names:
        unittests.judge(t, root, name, *UNABLE.get(name, ()))


def install(g, debian, t):
    debian.start(g, t)
    t.ok("systemd 247" in g.run("systemctl --version"), "under the systemd of Debian 11")
    t.equal(g.run("systemctl show --value -p WatchdogUSec vmgend").strip(), "10min",
            "which wants signs of life")
    t.equal(g.run("journalctl -q -b -p err -u vmgend -o cat"), "", "it logs no error")
    g.run(f"cat >{HOOK} <<'END'\n#!/bin/sh\necho $1 $2 >>/var/tmp/ran\nEND\nchmod 755 {HOOK}")
    t.equal(g.execute("vmgend --check-config"), (0, ""), "vmgend --check-config finds no mistake")


def check_clone(c, t):
    c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
    t.equal(c.run("cat /var/tmp/ran"), "changed 2\n", "the hook of a clone runs, once")
    report = json.loads(c.run("vmgenctl status --json"))
    t.equal((report["verdict"], report["generation"]), (0, 2), "vmgenctl is satisfied")
    status, output = c.execute("vmgenctl check")
    if not t.equal(status, 0, "so is its check"):
        t.note(output)
    c.run("journalctl --sync")
    t.ok("succeeded" in c.run("journalctl -q -o cat VMGEN_HOOK=80-last VMGEN_OUTCOME=succeeded"),
         "the journal has the fields of the hook")
    status, output = c.execute("vmgenctl openssl enable")
    t.ok(status != 0 and "OpenSSL 1.1.1" in output and "has no providers" in output,
         f"there is no provider for this OpenSSL: {output.strip()}")
    return c.run("head -c 16 /dev/urandom | od -An -tx1")


def scenario(kernel, t):
    debian = Debian(["openssl"], lambda root: check_build(root, t),
                    "bullseye", ["PROVIDER=no"])
    with debian.boot(new_guid()) as g:
        install(g, debian, t)
        snapshot = g.snapshot()
    draws = []
    for _ in range(2):
        with snapshot.clone(guid=new_guid()) as c:
            draws.append(check_clone(c, t))
    t.ok(draws[0] != draws[1], "two clones draw different bytes")


if __name__ == "__main__":
    tap.main(scenario)
