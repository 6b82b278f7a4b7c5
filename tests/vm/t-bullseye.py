#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's commands on a whole Debian 11: glibc 2.31, systemd 247, Linux 5.10, OpenSSL 1.1.

What make says without PROVIDER=no, and the unit tests, in a chroot of it; then clones.
"""

import json

from harness import tap
from harness.debian import Debian, chroot
from harness.scenario import new_guid

HOOK = "/etc/vmgen/hooks.d/80-last"
# One after the other: those that fail, with what they say.
UNIT_TESTS = """
mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup; mount -t tmpfs tmpfs /run
cd tests/unit; tests=$(ls t-*.c | grep -v -e openssl -e confined | sed 's,c$,t,'); cd ../..
make -s -j2 WERROR=1 PROVIDER=no $(for t in $tests; do echo build/tests/unit/$t; done)
for t in $tests; do
	if build/tests/unit/$t >/tmp/log 2>&1; then echo "ran $t"
	else echo "failed $t"; grep -A 4 -e ^not -e ^Bail /tmp/log || tail -n 3 /tmp/log; fi
done
"""


class Bullseye(Debian):
    def __init__(self):
        super().__init__(prepare=self.look, suite="bullseye", options=("PROVIDER=no",))

    def look(self, root):
        self.libc = chroot(root, "/", "getconf GNU_LIBC_VERSION").strip()
        self.refusal = chroot(root, "/usr/src/vmgen", "make O=other 2>&1 || echo status $?")
        self.units = chroot(root, "/usr/src/vmgen", UNIT_TESTS)


def check_build(debian, t):
    t.equal(debian.libc, "glibc 2.31", "the C library of Debian 11")
    t.ok("libcrypto >= 3 is missing" in debian.refusal and "status 2" in debian.refusal and
         "make PROVIDER=no does without it" in debian.refusal,
         "make says that OpenSSL 3 is missing, and what does without it")
    ran = [line for line in debian.units.splitlines() if line.startswith("ran ")]
    if not t.ok(len(ran) > 70 and "failed" not in debian.units, f"unit tests pass: {len(ran)}"):
        t.note(debian.units)


def install(g, debian, t):
    for command in debian.in_guest:
        status, output = g.execute(command, timeout=300)
        t.ok(status == 0, command)
        if status:
            t.note(output)
    t.ok("protected:   yes" in g.run("vmgenctl status"), "vmgenctl says that it is protected")
    t.equal(g.run("systemctl is-active vmgend").strip(), "active", "the service is active")
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
    t.ok(status != 0 and "libvmgen-openssl" in output, f"there is no provider: {output.strip()}")
    return c.run("head -c 16 /dev/urandom | od -An -tx1")


def scenario(kernel, t):
    debian = Bullseye()
    check_build(debian, t)
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
