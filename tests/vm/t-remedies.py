#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What vmgend, vmgenctl and bad hooks say when something is wrong: each names the thing and the
remedy, and nothing is left half-done."""

import re

from harness import tap
from harness.scenario import ALL, DROPPED, NOBODY, WITHOUT_INTREE, boot, new_guid

PROGRAMS = ["vmgend", "vmgenctl"]
GOOD = "#!/bin/sh\necho >>/run/good\n"
D = "/etc/vmgen/hooks.d"
HOOKS = {
    f"{D}/20-plain": ("#!/bin/sh\n", 0o644),
    f"{D}/21-writable": ("#!/bin/sh\n", 0o777),
    f"{D}/22-interpreter": ("#!/nonexistent/sh\n", 0o755),
    f"{D}/23-hangs": ("#!/bin/sh\ntrap '' TERM\nsleep 1000 & setsid sleep 1000 & wait\n", 0o755),
    f"{D}/24-killed": ("#!/bin/sh\nkill -9 $$\n", 0o755),
    f"{D}/25-fails": ("#!/bin/sh\nexit 3\n", 0o755),
    f"{D}/26-elsewhere": ("#!/bin/sh\nexit 77\n", 0o755),
    f"{D}/15-guard": ("#!/bin/sh\necho $1 >>/run/guard\n", 0o755),
    f"{D}/80-good": (GOOD, 0o755),
    "/etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\n",
    "/etc/vmgen/hooks.conf.d/23-hangs.conf": "[hook]\ntimeout = 1\n",
}
# What the log says of each: some words of the fault and of the remedy.
SAID = {
    "20-plain": ("chmod",),
    "21-writable": ("chmod go-w",),
    "22-interpreter": ("interpreter", "does not exist"),
    "23-hangs": ("timeout",),
    "24-killed": ("signal 9",),
    "25-fails": ("exit status 3",),
    "26-elsewhere": ("does not apply",),
}


def refused(g, t, command, status, words, what):
    """A command that must end by itself with this exit status and say these words."""
    got, output = g.execute(f"timeout 120 {command}")
    t.ok(got == status and all(word in output for word in words), what)
    if got != status or not all(word in output for word in words):
        t.note(f"exit status {got}, output: {output}")
    return output


def check_taken(kernel, said, t, **machine):
    """The device of a remedy, typed as it was said."""
    device = re.search(r"-device (vmgenid,guid=)UUID", said)
    guid = new_guid()
    with boot(kernel, devices=[f"{device[1]}{guid}"], **machine) as g:
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), guid,
                f"{device[0]}: what was said gives this machine one")


def check_no_device(kernel, t):
    with boot(kernel, PROGRAMS, load=False) as g:
        for program, expected in (("vmgend", 5), ("vmgend --check-device", 5),
                                  ("vmgenctl status", 5)):
            said = refused(g, t, program, expected,
                           ["no VM Generation ID device", "for QEMU: -device vmgenid"],
                           f"no device: {program} says so, and how to add one")
        refused(g, t, "vmgenctl wait", 5, ["no VM Generation ID device"],
                "no device: vmgenctl wait does not wait for ever")
        refused(g, t, "insmod /vmgenc.ko || dmesg | grep vmgenc", 0, ["as vmgenctl check"],
                "no device: the module says who knows the remedy")
    check_taken(kernel, said, t)


def check_other_machines(kernel, t):
    """Those of QEMU where another remedy helps; counted instructions: see t-reduced.py."""
    with boot(kernel, PROGRAMS, load=False, type="microvm", icount=True) as g:
        said = refused(g, t, "vmgenctl status", 5, ["microvm has none: give it the machine q35"],
                       "microvm: the remedy is another machine")
    check_taken(kernel, said, t, type="q35")
    with boot(kernel, PROGRAMS, load=False, guid=new_guid(), cmdline="acpi=off") as g:
        refused(g, t, "vmgenctl status", 5, ["boot it without acpi=off"],
                "no ACPI: the kernel's command line is what has to change")


def check_no_id(kernel, t):
    with boot(kernel, PROGRAMS, guid="00000000-0000-0000-0000-000000000000") as g:
        for command in "status", "wait --settled":
            refused(g, t, f"vmgenctl {command}", 9, ["give the device of this VM a GUID"],
                    f"no ID: vmgenctl {command} says so")


def check_no_module(kernel, g, t):
    refused(g, t, "vmgenctl status", 6, ["modprobe vmgenc"], "no module: vmgenctl status names modprobe")
    if kernel not in WITHOUT_INTREE:
        t.equal(g.run("vmgend --check-device 2>/dev/null"), "/dev/kmsg\n",
                "no module: the kernel's log will do")
        return
    refused(g, t, "vmgend --check-device", 1, ["modprobe vmgenc"], "no module: that is to be fixed")
    refused(g, t, "vmgend", 5, ["modprobe vmgenc"], "no module: so does vmgend")
    t.equal(g.run("ls -d /var/lib/vmgen/* /run/vmgen/* 2>/dev/null || true"), "",
            "no module: nothing is left behind")


def check_starts(g, t):
    refused(g, t, f"{NOBODY} vmgend", 4, ["root"], "vmgend as nobody says that it needs root")
    refused(g, t, f"{DROPPED} vmgend", 4, ["CAP_SYS_ADMIN in the initial user namespace"],
            "vmgend as root without capabilities says what it needs")
    status, output = g.execute(f"{NOBODY} vmgenctl status")
    t.ok(status == 3 and "generation:  1" in output, "vmgenctl status is for everybody")
    pid = g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")
    refused(g, t, "vmgend", 75, [str(pid)], "a second vmgend names the first")
    refused(g, t, "vmgend --nonsense", 2, ["nonsense"], "an unknown option is named")
    refused(g, t, "vmgenctl nonsense", 2, ["nonsense"], "so is an unknown command")
    refused(g, t, "vmgenctl wait --timeout 0.1 1", 124, [], "a time-out has a status of its own")


def check_config(g, t):
    g.run("printf '[vmgend]\\nhook-timeuot = 5\\n' >/etc/vmgen/bad.conf")
    refused(g, t, "vmgend --check-config --config=/etc/vmgen/bad.conf", 6,
            ["/etc/vmgen/bad.conf", "2", "hook-timeuot"], "an unknown key: file, line and key are named")


def check_hooks(snapshot, t):
    with snapshot.clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled 1")
        log = c.run("cat /run/vmgend.log").splitlines()
        for hook, words in SAID.items():
            t.ok(any(hook in line and all(word in line for word in words) for line in log),
                 f"the log names {hook} and {' and '.join(words)}")
        t.equal(c.run("wc -l </run/good").strip(), "1", "a good hook after the bad ones ran")
        t.equal(c.execute("pidof sleep"), (1, ""), "of the hook that hung no process is left")
        refused(c, t, "vmgenctl status", 8, ["journalctl", "24-killed: killed", "25-fails: failed"],
                "vmgenctl status names the hooks that failed")


def stop(g):
    g.run("killall vmgend && while pidof vmgend; do sleep 0.1; done")


def check_state(snapshot, t):
    """The record was damaged while vmgend was not running."""
    with snapshot.clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled 1")
        stop(c)
        c.run("rm -f /run/good /run/guard;"
              " cd /var/lib/vmgen && head -c 40 state.json >t && cat t >state.json && rm t")
        c.spawn("exec vmgend >/run/vmgend.log 2>&1")
        c.wait_for("vmgenctl wait --settled")
        log = c.run("cat /run/vmgend.log")
        t.ok("state.json.bad" in log and "unknown" in log, "a truncated record is kept, and said")
        t.equal(c.run("wc -c </var/lib/vmgen/state.json.bad").strip(), "40", "as it was")
        t.equal(c.run("cat /run/guard"), "unknown\n", "the guards run on it")
        t.equal(c.run("ls /run | grep -x good || true"), "", "and no other hook does")
        t.ok('"handled"' in c.run("cat /var/lib/vmgen/state.json"), "a new record is made")
        stop(c)
        c.run(f"chmod g+w {D}; echo >/var/lib/vmgen/state.json")
        c.spawn("exec vmgend >/run/vmgend.log 2>&1")
        c.wait_for("vmgenctl wait --settled")
        refused(c, t, "vmgenctl status", 8, ["a directory of hooks could not be used"],
                "hooks of a directory that others can change are missed")


def scenario(kernel, t):
    check_no_device(kernel, t)
    if ALL:
        check_other_machines(kernel, t)
    check_no_id(kernel, t)
    with boot(kernel, PROGRAMS, guid=new_guid(), files=HOOKS, load=False) as g:
        check_no_module(kernel, g, t)
        g.run("insmod /vmgenc.ko")
        check_config(g, t)
        check_starts(g, t)
        snapshot = g.snapshot()
    check_hooks(snapshot, t)
    check_state(snapshot, t)


if __name__ == "__main__":
    tap.main(scenario)
