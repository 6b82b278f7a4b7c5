#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgen's Debian packages on a whole Debian of the named release that gets another kernel, then a
later build of them; removal and purge.
"""

from harness import tap
from harness.installed import APT, OWN, Upgraded, check_journal, check_protected
from harness.leftover import leftover, named
from harness.scenario import new_guid

PACKAGES = "vmgend vmgen-dkms libvmgen1 libvmgen-dev libvmgen-openssl vmgen-acpi-check"
# No matter who has the provider named, it goes with the package.
NAMED = "find /etc/vmgen /etc/systemd -name '*openssl*'; cat /etc/ssl/openssl.cnf"
KEPT = r"[Service]\nType=oneshot\nExecStart=/bin/true\n"
KEPT_PATH = "/etc/systemd/system/kept.service"
CONFFILE = "/etc/vmgen/restart-units"


def check_upgrade(g, system, t):
    g.run(f"echo '# mine' >>{CONFFILE}")
    before = g.run("systemctl show -P MainPID vmgend")
    output = g.run(f"{APT} install vmgend libvmgen-dev 2>&1", timeout=300)
    if not t.ok(g.run("systemctl show -P MainPID vmgend") != before, "an upgrade restarts vmgend"):
        t.note(output)
    check_protected(g, t, "upgraded")
    t.equal(g.run("vmgend --version").split()[-1], system.later, "with the later build")
    t.equal(g.run(f"tail -n 1 {CONFFILE}"), "# mine\n", "a setting that was changed stays")


def check_fenced(g, t):
    """Call it when vmgend was removed, but not purged."""
    status = g.execute("systemctl start kept")[0]
    log = g.run("journalctl -q -u kept -o cat")
    t.ok(status and "vmgenctl, which tells why, was removed" in log and "EXEC" not in log,
         "a fenced unit stays down, and its log says why")


def check_removal(g, t):
    g.run(f"printf '{KEPT}' >{KEPT_PATH}; systemctl daemon-reload; vmgenctl fence set kept why")
    before = g.run(NAMED)
    g.run(f"{APT} install libvmgen-openssl", timeout=180)
    g.run("vmgenctl openssl enable && vmgenctl openssl enable --service=systemd-logind")
    t.equal(g.run("openssl list -random-instances | grep -c vmgen").strip(), "3",
            "with the package of the provider OpenSSL can be switched to it")
    output = g.run(f"{APT} remove {PACKAGES}", timeout=300)
    t.ok("kept.service is kept down: why" in output, "removal names the units that are fenced")
    check_fenced(g, t)
    t.equal(g.run("systemctl is-active vmgend || true").strip(), "inactive", "removal stops vmgend")
    t.equal(g.execute(f"test -e {CONFFILE} && test -e /var/lib/vmgen/state.json")[0], 0,
            "settings and record stay")
    t.equal(g.execute("run-parts /etc/cloud/clean.d"), (0, ""),
            "with which cloud-init can still make an image")
    t.equal(g.execute("test -e /var/lib/vmgen/state.json")[0], 1, "that has no record")
    t.equal(g.execute("modinfo vmgenc")[0], 1, "the module does not")
    t.equal(g.run(NAMED), before, "nor does anything name the provider any more")


def check_purge(g, system, t):
    g.run(f"{APT} purge {PACKAGES}", timeout=300)
    t.equal(g.execute("systemctl start kept")[0], 0, "a purge lifts fences")
    g.run(f"rm {KEPT_PATH}; systemctl daemon-reload; "
          f"systemctl disable -q vmgen-agent; rm -r /{OWN}; >/srv/stranger", timeout=300)
    check_journal(g, t, "purged")
    t.equal(leftover(g, system.release), ["/srv/stranger"],
            "after a purge no file is left but somebody else's")
    t.equal(named(g), [], "nor one with its name, whoever has made it")


def scenario(suite, t):
    system = Upgraded(suite)
    t.ok(system.release in system.built, f"DKMS builds the module for Linux {system.release}")
    t.ok("/vmgenc.ko" in system.initramfs, "in time for the initramfs, where it was asked for")
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


if __name__ == "__main__":
    tap.main(scenario)
