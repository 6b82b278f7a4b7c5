#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgend without its module: on the kernel's own log, and on VMClock. And with it: what a reload
does, that watchers of /dev/sysgenid wait for the repair, and that it sleeps while nothing happens."""

import json

from harness import tap
from harness.scenario import boot, new_guid, say, seed
from harness.vmclock import NOTIFICATION_PRESENT, Clock, boot_with_page

PROGRAMS = ["vmgend", "vmgenctl"]
LINE = "random: crng reseeded due to virtual machine fork"
# Each run leaves a line in /run/NAME: what it was told.
LOG = ("#!/bin/sh\nuntil test ! -e /run/wait; do sleep 0.1; done\n"
       "echo $1 $2 $VMGEN_ID_HASH $VMGEN_SOURCE >>/run/%s\n")
D = "/etc/vmgen/hooks.d"
HOOKS = {f"{D}/{name}": (LOG % name, 0o755) for name in ("10-guard", "80-last")}
MANY = {f"{D}/8{n}-many": ("#!/bin/sh\n", 0o755) for n in range(10)}
MEMORY_KB = 4096


def start(g):
    g.run("rm -f /run/vmgen/status.json")
    pid = g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
    g.wait_for("grep -q '\"watching\"' /run/vmgen/status.json 2>/dev/null")
    return pid


def stop(g, pid, signal="TERM"):
    g.run(f"kill -{signal} {pid}")
    g.join(pid)


def status(g):
    return json.loads(g.run("cat /run/vmgen/status.json"))


def runs(g, name="80-last"):
    return [line.split() for line in g.run(f"cat /run/{name} 2>/dev/null || true").splitlines()]


def wait_for_runs(g, count, name="80-last"):
    g.wait_for(f"test $(cat /run/{name} 2>/dev/null | wc -l) -ge {count}")
    g.wait_for("grep -q '\"watching\"' /run/vmgen/status.json")


def check_log(kernel, t):
    """The in-tree driver is at work, and nobody else."""
    with boot(kernel, PROGRAMS, guid=new_guid(), files=HOOKS, load=False) as g:
        seed(g)
        g.run(f"echo '{LINE}' >/dev/kmsg")
        pid = start(g)
        log = g.run("cat /run/vmgend.log")
        t.ok("modprobe vmgenc" in log and "by /dev/kmsg instead" in log and
             "while this system is down is not detected" in log,
             "without the module vmgend goes on, and says what to do and what is lost")
        facts = status(g)
        t.equal((facts["source"], facts["device"], len(facts["lost"]), facts["handled"]),
                ("kmsg", "/dev/kmsg", 4, True), "its status says so too")
        g.run(f"echo '{LINE}' >/dev/kmsg; echo '<5>{LINE}' >/dev/kmsg; sleep 1")
        t.equal(runs(g), [], "a line that a program writes is no change, before the start and after")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        wait_for_runs(c, 1)
        t.ok(LINE in c.run("dmesg"), "the kernel's own driver logs its reseed")
        (event, number, digest, source), = runs(c)
        facts = status(c)
        t.equal((event, int(number), source), ("changed", facts["generation"], "kmsg"),
                "the hooks run, once, and are told who knew")
        t.equal(len(digest), 64, "and get something in the place of the ID's hash")
        t.equal((facts["handled"], facts["last"]["source"], facts["last"]["reseed_errno"]),
                (True, "kmsg", 0), "the run is recorded, with its source, and the reseed worked")
        c.run("touch /run/wait")
        again = c.snapshot()
    with again.clone(guid=new_guid()) as c:
        c.wait_for("grep -q '\"running\"' /run/vmgen/status.json")
        stop(c, pid, "KILL")
        c.run("rm /run/wait")
        pid = start(c)
        t.equal([run[0] for run in runs(c)], ["changed"] * 2, "a run that was interrupted is finished")
        t.equal([len(runs(c, name)) for name in ("10-guard", "80-last")], [2, 2], "and nothing twice")
        t.equal(status(c)["generation"], int(runs(c)[1][1]), "the generation is the one before")
        stop(c, pid)
        c.run("insmod /vmgenc.ko")
        start(c)
        facts = status(c)
        t.equal((facts["source"], facts["lost"], facts["last"]["event"]), ("vmgenid", [], "adopted"),
                "when the module is there it is taken again, and its ID adopted")
        t.equal(len(runs(c)), 2, "which is no change")


def check_clock(kernel, flags, t):
    """A VMClock that counts generations, and no generation ID device at all."""
    with boot_with_page(kernel, PROGRAMS, HOOKS) as g:
        seed(g)
        clock = Clock(g)
        clock.fill(flags)
        t.equal(g.execute("vmgend --check-device 2>/dev/null"), (5, ""), "a VM may have nothing")
        g.run("insmod /ptp_vmclock.ko")
        t.equal(g.run("vmgend --check-device 2>/dev/null"), "/dev/vmclock0\n", "or a VMClock")
        pid = start(g)
        facts = status(g)
        t.equal((facts["source"], facts["device"], facts["last"]["event"]),
                ("vmclock", "/dev/vmclock0", "adopted"), "with a VMClock alone vmgend takes that")
        clock.disrupt()
        notify = clock.notify if flags else lambda: None
        notify()
        g.run("sleep 2")
        t.equal(runs(g), [], "a live migration is no change")
        clock.change()
        notify()
        wait_for_runs(g, 1)
        (event, number, _, source), = runs(g)
        t.equal((event, number, source), ("changed", "2", "vmclock"), "a restore is one")
        stop(g, pid)
        pid = start(g)
        t.equal(len(runs(g)), 1, "a restart runs nothing again")
        stop(g, pid)
        clock.change()
        pid = start(g)
        t.equal([run[:2] for run in runs(g)][1:], [["changed", "3"]],
                "and finds what came while vmgend was stopped")
        stop(g, pid)


def check_watcher(g, t):
    """Who waits for the watchers waits for the hooks."""
    g.run("touch /run/wait; sysgenid trigger")
    t.equal(g.execute("sysgenid wait 120000")[0], 0,
            "a generation by request is confirmed at once, as nothing is to be repaired")
    return g.snapshot()


def check_waiting(snapshot, t):
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("grep -q '\"running\"' /run/vmgen/status.json")
        t.ok(c.execute("sysgenid wait 1000")[0], "while hooks run watchers are waited for")
        c.run("rm /run/wait")
        t.equal(c.execute("sysgenid wait 120000")[0], 0, "until they have ended")
        wait_for_runs(c, 1)


def check_reload(g, pid, t):
    g.run(f"mkdir -p /etc/vmgen/vmgend.conf.d; printf '[vmgend]\\nhook-timeuot=5\\n' "
          f">/etc/vmgen/vmgend.conf; kill -HUP {pid}")
    t.happens("a reload names a mistake", g.wait_for,
              "grep -q 'not reloaded: /etc/vmgen/vmgend.conf:2: unknown key' /run/vmgend.log")
    g.run(f"printf '[vmgend]\\nhook-timeout=5\\n' >/etc/vmgen/vmgend.conf; kill -HUP {pid}")
    t.happens("without one it takes the new configuration",
              g.wait_for, "grep -q 'configuration was reloaded' /run/vmgend.log")


def proc(g, pid, name):
    return int(g.run(f"sed -n 's/^{name}:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/{pid}/status"))


def check_idle(kernel, t):
    """As it is shipped, with 10 hooks, after a change."""
    with boot(kernel, PROGRAMS, guid=new_guid(), files=MANY, sanitized=False) as g:
        seed(g)
        start(g)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled 1")
        pid = status(c)["pid"]
        # On a busy machine it may still have to do with the change.
        t.happens("it does not wake while nothing happens", c.run,
                  f"n() {{ grep ^voluntary_ctxt /proc/{pid}/status; }};"
                  " until seen=$(n) && sleep 5 && test \"$(n)\" = \"$seen\"; do :; done")
        resident = proc(c, pid, "VmRSS")
        t.ok(resident < MEMORY_KB, f"resident memory with 10 hooks, after a change: {resident} KiB")
        say(f"{kernel}: vmgend: resident memory {resident} KiB, of which its own "
            f"{proc(c, pid, 'RssAnon')} KiB")


def scenario(kernel, t):
    check_log(kernel, t)
    if kernel == "7.2":
        for flags in (0, NOTIFICATION_PRESENT):
            check_clock(kernel, flags, t)
    with boot(kernel, [*PROGRAMS, "sysgenid"], guid=new_guid(), files=HOOKS) as g:
        seed(g)
        check_reload(g, start(g), t)
        snapshot = check_watcher(g, t)
    check_waiting(snapshot, t)
    check_idle(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
