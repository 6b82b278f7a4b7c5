#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgen's Debian packages, from installation to purge, on a whole Debian of the named release:
clones of it, a cold boot, a boot without the device, another kernel, and a later build.
"""

import json
import re
import time

from harness import tap
from harness.installed import OWN, TOO_OLD, Installed
from harness.scenario import new_guid, say

APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y"
HOOK = "#!/bin/sh\necho $1 $2 >>/var/tmp/hook\n"
PACKAGES = "vmgend vmgen-dkms libvmgen1 libvmgen-dev libvmgen-openssl"
# Whoever has the provider named, it goes with the package.
NAMED = "find /etc/vmgen /etc/systemd -name '*openssl*'; cat /etc/ssl/openssl.cnf"
# It takes long, and shows the same on each release.
WITHOUT_DEVICE = "trixie"
CONFFILE = "/etc/vmgen/restart-units"
# What a system makes that has booted, had its packages changed and got another kernel.
OF_THE_SYSTEM = re.compile(
    r"/(var/log|var/lib/(apt|dpkg|systemd|dbus|dkms|initramfs-tools)|var/cache/(apt|ldconfig)|"
    r"var/cache/debconf|var/backups|var/tmp|tmp|run|dev|proc|sys|root|lost\+found)(/.*)?|"
    r"/etc/(machine-id|resolv\.conf|mtab|\.pwd\.lock|.*-)|/(etc|var)/\.updated|"
    r"/(initrd\.img|vmlinuz)(\.old)?")


def check_packages(system, t):
    t.ok("DKMS module signing key" in system.signer, "DKMS has signed the module")
    t.equal(system.refusal.count(f"Linux 5.10.119 and newer, so it is not built for {TOO_OLD}."), 1,
            "of a kernel that is too old it says, once, which ones the module is for")
    t.ok("status 77" in system.refusal, "and does not build it")
    for name, (passed, output) in system.tests.items():
        if not t.ok(passed, f"the packages' test {name}"):
            t.note(output)


def check_journal(g, t, when):
    t.equal(g.run("systemctl is-system-running --wait || true", timeout=180).strip(), "running",
            f"{when}: no unit has failed")
    t.equal(g.run("journalctl -q -b -p err -o cat | grep -Ei 'vmgen|generation id' || true"), "",
            f"{when}: no error in the journal")


def check_protected(g, t, when):
    g.run("vmgenctl wait --settled", timeout=90)
    t.equal(g.run("systemctl is-active vmgend").strip(), "active", f"{when}: vmgend is active")
    status, output = g.execute("vmgenctl check")
    if not t.equal(status, 0, f"{when}: vmgenctl check is satisfied"):
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


def check_upgrade(g, system, t):
    g.run(f"echo '# mine' >>{CONFFILE}")
    before = g.run("systemctl show -P MainPID vmgend")
    output = g.run(f"{APT} install vmgend libvmgen-dev 2>&1", timeout=300)
    if not t.ok(g.run("systemctl show -P MainPID vmgend") != before, "an upgrade restarts vmgend"):
        t.note(output)
    check_protected(g, t, "upgraded")
    t.equal(g.run("vmgend --version").split()[-1], system.later, "with the later build")
    t.equal(g.run(f"tail -n 1 {CONFFILE}"), "# mine\n", "a setting that was changed stays")


def check_removal(g, t):
    before = g.run(NAMED)
    g.run(f"{APT} install libvmgen-openssl", timeout=180)
    g.run("vmgenctl openssl enable && vmgenctl openssl enable --service=systemd-logind")
    t.equal(g.run("openssl list -random-instances | grep -c vmgen").strip(), "3",
            "with the package of the provider OpenSSL can be switched to it")
    g.run(f"{APT} remove {PACKAGES}", timeout=300)
    t.equal(g.run("systemctl is-active vmgend || true").strip(), "inactive", "removal stops vmgend")
    t.equal(g.execute(f"test -e {CONFFILE} && test -e /var/lib/vmgen/state.json")[0], 0,
            "settings and record stay")
    t.equal(g.execute("run-parts /etc/cloud/clean.d"), (0, ""),
            "with which cloud-init can still make an image")
    t.equal(g.execute("test -e /var/lib/vmgen/state.json")[0], 1, "that has no record")
    t.equal(g.execute("modinfo vmgenc")[0], 1, "the module does not")
    t.equal(g.run(NAMED), before, "nor does anything name the provider any more")


def check_purge(g, system, t):
    g.run(f"{APT} purge {PACKAGES}; "
          f"systemctl disable -q vmgen-agent; rm -r /{OWN}", timeout=300)
    check_journal(g, t, "purged")
    g.run("find / -xdev >/var/tmp/all; cat /var/lib/dpkg/info/*.list >/var/tmp/owned", timeout=180)
    # Packages may name a path below one of the links /lib, /bin and /sbin.
    owned = {re.sub("^/(lib|lib64|s?bin)/", r"/usr/\1/", path)
             for path in g.run("cat /var/tmp/owned").splitlines()}
    left = {path for path in g.run("cat /var/tmp/all").splitlines()
            if path != "/" and path not in owned and path not in system.before and
            not OF_THE_SYSTEM.fullmatch(path) and system.release not in path}
    t.equal(sorted(left), [], "after a purge no file is left")
    t.equal(g.run("find / -xdev -iname '*vmgen*' ! -path '*linux*' ! -path '*/kernel/*' "
                  "! -name '*vmgen-agent*' ! -path '/var/log/*' ! -path '/var/lib/apt/*'"), "",
            "nor one with its name, whoever has made it")


def check_other_kernel(system, disk, t):
    built, initramfs = system.upgrade_kernel(disk)
    t.ok(system.release in built, f"DKMS builds the module for Linux {system.release}")
    t.ok("/vmgenc.ko" in initramfs, "in time for the initramfs, where it was asked for")
    with system.boot(new_guid()) as g:
        t.equal(g.run("uname -r").strip(), system.release, "which boots")
        check_protected(g, t, "another kernel")
        check_journal(g, t, "another kernel")
        status, output = g.execute(f"/{OWN}/tests/machine 2>&1", timeout=180)
        if not t.equal(status, 0, "the packages' test machine"):
            t.note(output)
        check_upgrade(g, system, t)
        check_removal(g, t)
        check_purge(g, system, t)


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
    check_other_kernel(system, disk, t)


if __name__ == "__main__":
    tap.main(scenario)
