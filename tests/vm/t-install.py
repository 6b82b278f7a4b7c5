#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgen's Debian packages, installed on a whole Debian of the named release: clones of it, a cold boot,
and a boot without the device. t-upgrade.py goes on to the purge.
"""

import json
import time

from harness import plain, tap
from harness.installed import APT, OWN, TOO_OLD, Installed, check_journal, check_protected
from harness.scenario import new_guid, say

HOOK = "#!/bin/sh\necho $1 $2 >>/var/tmp/hook\n"
# It takes long, and shows the same on each release.
WITHOUT_DEVICE = "bookworm"


def check_packages(system, t):
    offered = plain.offer(system.name, system.debs[0])
    t.ok("?" not in offered, "apt says what it brings to a plain system")
    say(f"{system.name}: packages bring {offered}")
    t.ok("DKMS module signing key" in system.signer, "DKMS has signed the module")
    t.equal(system.refusal.count(f"Linux 5.10.119 and newer, so it is not built for {TOO_OLD}."), 1,
            "of a kernel that is too old it says, once, which ones the module is for")
    t.ok("status 77" in system.refusal, "and does not build it")


def check_package_test(g, t, when):
    """The one of them that is for a machine of its own; packagetest.py runs the others."""
    status, output = g.execute(f"/{OWN}/tests/machine 2>&1", timeout=90)
    if not t.equal(status, 0, f"{when}: the packages' test of a machine"):
        t.note(output)


def check_early(g, t):
    """All moments are seconds since the kernel started."""
    node = float(g.run("echo $(stat -c %.W /dev/vmgenid) $(cat /proc/uptime) "
                       "$(date +%s.%N) | awk '{ printf \"%.3f\", $1 - $4 + $2 }'"))
    basic, ready = (int(g.run(f"systemctl show -P ActiveEnterTimestampMonotonic {unit}")) / 1e6
                    for unit in ("sysinit.target", "vmgend"))
    t.ok(node <= basic, "the node is there before sysinit.target")
    t.ok(ready <= basic, "so is vmgend")
    return f"node at {node:.1f} s, protected at {ready:.1f} s, sysinit.target at {basic:.1f} s"


def check_clone(c, t):
    c.run("vmgenctl wait --settled 1", timeout=90)
    t.equal(c.run("cat /var/tmp/hook"), "changed 2\n", "the hooks of a clone run, once")
    report = json.loads(c.run("vmgenctl status --json"))
    t.equal((report["verdict"], report["generation"]), (0, 2), "its generation is 2")
    check_protected(c, t, "clone")
    check_journal(c, t, "clone")
    return c.run("head -c 16 /dev/urandom | od -An -tx1")


def check_signature(g, t):
    """What comes of a module with Secure Boot, as long as nobody has enrolled DKMS's key."""
    g.run("systemctl stop vmgend; modprobe -r vmgenc; "
          "echo 1 >/sys/module/module/parameters/sig_enforce")
    status, output = g.execute("modprobe vmgenc 2>&1")
    t.ok(status and "Key was rejected" in output, "a kernel for signed modules refuses it")
    status, output = g.execute("vmgenctl check")
    t.equal(status, 6, "vmgenctl check says that it is not loaded")
    t.ok("mokutil --import /var/lib/dkms/mok.pub" in output, "and how to have the key trusted")


def check_cold_boot(system, disk, t):
    with system.boot(new_guid(), disk) as g:
        check_protected(g, t, "cold boot with another ID")
        check_journal(g, t, "cold boot with another ID")
        run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
        t.equal(run["event"], "boot-changed", "it is told from a clone")
        check_package_test(g, t, "with a device")
        check_signature(g, t)
        g.run("sync")
        return g.disk


def check_without_device(system, t):
    with system.boot(None) as g:
        check_journal(g, t, "without a device")
        t.equal(g.run("systemctl is-active vmgend || true").strip(), "inactive", "vmgend is quiet")
        g.run(f"{APT} install --reinstall vmgend", timeout=180)
        t.equal(g.run("systemctl is-active vmgend || true").strip(), "inactive",
                "also when it is installed there")
        check_journal(g, t, "installed without a device")
        t.equal(g.execute("vmgenctl check >/dev/null")[0], 5, "vmgenctl says that there is none")
        check_package_test(g, t, "without a device")


def scenario(suite, t):
    system = Installed(suite)
    check_packages(system, t)
    began = time.monotonic()
    with system.boot(new_guid()) as g:
        wall = time.monotonic() - began
        check_protected(g, t, "first boot")
        check_journal(g, t, "first boot")
        moments = check_early(g, t)
        say(f"{suite}: {moments}, all {wall:.0f} s after power-on")
        g.run(f"mkdir -p /etc/vmgen/hooks.d; cat >/etc/vmgen/hooks.d/80-last <<'END'\n{HOOK}END\n"
              "chmod 755 /etc/vmgen/hooks.d/80-last; sync")
        snapshot = g.snapshot()
    draws = []
    for last in (False, True):
        with snapshot.clone(guid=new_guid()) as c:
            draws.append(check_clone(c, t))
            if last:
                c.run("rm -r /etc/vmgen/hooks.d; systemctl stop vmgend; sync")
                disk = c.disk
    t.ok(draws[0] != draws[1], "two clones draw different bytes")
    disk = check_cold_boot(system, disk, t)
    if suite == WITHOUT_DEVICE:
        check_without_device(system, t)


if __name__ == "__main__":
    tap.main(scenario)
