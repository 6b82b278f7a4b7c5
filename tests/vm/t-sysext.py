#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The commands of vmgen-install(7) for a read-only /usr, in a booted Debian of the named release:
an extension is merged by systemd-sysext, also at boot; one for another kernel; and none again.
"""

from harness import plain, tap, ways
from harness.installed import check_journal, check_missing, check_protected
from harness.leftover import leftover, named
from harness.scenario import new_guid, say

WAY = "A read-only /usr"
PACKED = "vmgen-sysext.tar.gz"
MODULES = "/var/lib/extensions/vmgen/usr/lib/vmgen/modules"
# As the systems have it that this is for; Debian does not.
UNIT = "/etc/systemd/system/usr.mount"
READ_ONLY = ("printf '%s\\n' [Mount] What=/usr Where=/usr Options=bind,ro [Install] "
             f"WantedBy=local-fs.target >{UNIT} && systemctl enable --now usr.mount")
WANTS = "/etc/systemd/system/{}.target.wants"
# What stays, says the page; and that unit.
KEPT = ("/var/lib/extensions", WANTS.format("sysinit") + "/systemd-sysext.service", UNIT,
        WANTS.format("local-fs"), WANTS.format("local-fs") + "/usr.mount")
SETTING = "/etc/vmgen/hooks.conf.d/10-connections.conf"
STARTED = "systemctl show -P ActiveEnterTimestampMonotonic"
# A program of another language is not one for ldd(1).
LACKING = "ldd /usr/sbin/vmgend* /usr/bin/vmgenctl /usr/lib/vmgen/hooks.d/* 2>&1 | grep 'not found'"
# It is no part of what a boot waits for.
STARTED_LATE = "timeout 240 sh -c 'until systemctl -q is-active vmgend; do sleep 1; done'"


def check_started(g, t, when):
    if not t.ok(not g.execute(STARTED_LATE, timeout=300)[0], f"{when}: vmgend is started"):
        t.note(g.run("systemctl status --no-pager vmgend systemd-sysext 2>&1; "
                     "journalctl -q -b -o short-monotonic | tail -n 100"))


def check_merged(g, t, when):
    check_protected(g, t, when)
    check_journal(g, t, when)
    t.ok(g.execute("touch /usr/written")[0], f"{when}: /usr is read-only")
    t.ok("vmgenc" in g.run("cat /proc/modules"), f"{when}: the module is loaded")
    t.ok("10-connections" in g.run("vmgenctl hooks list | grep -i disabled"),
         f"{when}: what is disabled as shipped is so")


def check_first(g, t):
    before = g.run("ls -A /etc /var/lib")
    t.ok(g.execute("touch /usr/written")[0] and "vmgen" not in before, "/usr is read-only, and "
         "nothing of vmgen is there")
    g.run(f"echo /root >{plain.WHERE}")
    ways.run_lines(g, WAY, plain.lines(WAY, 1), t)
    check_merged(g, t, "merged")
    t.equal(g.run(f"{LACKING} || true"), "", "no program lacks a library")
    g.run(f"echo '# ours' >>{SETTING}")


def check_late(g, t):
    """As the page says it."""
    vmgend, sysinit, boot = (int(g.run(f"{STARTED} {unit}")) for unit in (
        "vmgend.service", "sysinit.target", "multi-user.target"))
    t.ok(vmgend > sysinit, "cold boot: vmgend is active after sysinit.target, in which it should be")
    say(f"{g.machine.kernel.name}: sysinit.target {sysinit / 1e6:.1f} s after the kernel, vmgend "
        f"{vmgend / 1e6:.1f} s, multi-user.target {boot / 1e6:.1f} s")


def check_stopped(g, t):
    """What is upheld would be active again by now."""
    t.equal(g.run("systemctl stop vmgend; systemctl show -P ActiveState vmgend").strip(), "inactive",
            "cold boot: who stops vmgend is not overruled")
    g.run("systemctl start vmgend && vmgenctl wait --settled", timeout=300)


def check_removal(g, t):
    ways.run_lines(g, WAY, plain.lines(WAY, 2), t)
    check_journal(g, t, "removed")
    t.equal([path for path in leftover(g) if path not in KEPT], [], "removed: no file is left")
    t.equal(named(g), [], "removed: nor one with its name")


def scenario(suite, t):
    built = plain.build(suite, WAY, "build/sysext", PACKED)
    say(f"{suite}: the extension has {len(built[PACKED]) / 1e6:.1f} MB")
    system = plain.Plain(suite, built)
    with system.boot(new_guid()) as g:
        g.run(READ_ONLY)
        check_first(g, t)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        ways.check_clone(c, WAY, t)
        c.run("sync")
    with system.boot(new_guid(), c.disk) as g:
        check_started(g, t, "cold boot")
        check_merged(g, t, "cold boot")
        check_late(g, t)
        check_stopped(g, t)
        t.ok("# ours" in g.run(f"cat {SETTING}"), "cold boot: a setting that was changed stays so")
        # As if it were made for another one.
        g.run(f"mv {MODULES}/* {MODULES}/6.12.0-0-other && sync")
    with system.boot(new_guid(), g.disk) as g:
        check_started(g, t, "another kernel")
        check_journal(g, t, "another kernel")
        check_missing(g, t, "another kernel")
        check_removal(g, t)


if __name__ == "__main__":
    tap.main(scenario)
