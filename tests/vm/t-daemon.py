#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgend runs each hook once for each change: while it runs, after it was stopped or killed, and
after the machine was off."""

import json
import uuid

from harness import tap
from harness.scenario import boot, new_guid, seed

PROGRAMS = ["vmgend", "vmgenctl"]
STATE = "/var/lib/vmgen/state.json"
# Each run leaves a line in /run/NAME: what it was told.
LOG = "#!/bin/sh\necho $1 $2 $VMGEN_EVENT $VMGEN_GENERATION $VMGEN_SOURCE $VMGEN_ID_HASH >>/run/%s\n"
SLOW = "#!/bin/sh\necho start >>/run/slow\nuntil test -e /run/go; do sleep 0.1; done\n"
HOOKS = {f"/etc/vmgen/hooks.d/{name}": (text % name if "%s" in text else text, 0o755)
         for name, text in (("10-guard", LOG), ("80-last", LOG))}
HOOKS["/etc/vmgen/vmgend.conf"] = "[vmgend]\njitter = 0\n"
SLOW_HOOK = {"/etc/vmgen/hooks.d/50-slow": (SLOW, 0o755)}


def start(g):
    g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
    # Its start, and what it found to do, is over when the generation is handled.
    g.wait_for("vmgenctl wait --settled")


def stop(g, signal="TERM"):
    pid = json.loads(g.run("cat /run/vmgen/status.json"))["pid"]
    g.run(f"kill -{signal} {pid}")
    g.join(pid)


def lines(g, name):
    return g.run(f"cat /run/{name} 2>/dev/null || true").splitlines()


def told(line):
    """What a hook was told, without the digest."""
    return line.split()[:5]


def has_id(text, guid):
    """As the host writes it and as it is in memory, with dashes or without."""
    text = text.lower().replace("-", "")
    forms = uuid.UUID(guid)
    return forms.bytes.hex() in text or forms.bytes_le.hex() in text


def check_running(snapshot, guid, t):
    with snapshot.clone(guid=guid) as c:
        c.run("vmgenctl wait --settled 1")
        first, last = lines(c, "10-guard"), lines(c, "80-last")
        t.equal([told(line) for line in first], [["changed", "2", "changed", "2", "vmgenid"]],
                "a change runs a hook once, and tells it what happened")
        t.equal(last, first, "all hooks are told the same")
        digest = first[0].split()[5]
        t.ok(len(digest) == 64 and not has_id(digest, guid), "the ID itself is not told")
        t.ok(not has_id(c.run(f"cat {STATE} /run/vmgen/status.json /run/vmgend.log"), guid),
             "nor is it in any file or in the log")
        t.equal(c.run("cat /run/vmgen/generation").strip(), "2", "/run/vmgen/generation says so")
        report = json.loads(c.run("vmgenctl status --json"))
        t.equal((report["verdict"], report["handled"], report["generation"]), (0, True, 2),
                "vmgenctl status finds nothing wrong")
        t.equal(report["vmgend"]["last"]["reseed_errno"], 0, "the reseed worked")
        stop(c)
        start(c)
        t.equal(len(lines(c, "10-guard")), 1, "a new start does not run it again")
        again = c.snapshot()
    with again.clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled 2")
        t.equal(len(lines(c, "10-guard")), 2, "a second change runs it once more")


def check_stopped(snapshot, t):
    """The change comes while vmgend is stopped, in the same system."""
    with snapshot.clone(guid=new_guid()) as c:
        t.equal(lines(c, "10-guard"), [], "while vmgend is stopped nothing runs")
        status, output = c.execute("vmgenctl status")
        t.equal(status, 3, "vmgenctl status says that vmgend is not running")
        t.ok("start it with the init system of this machine" in output,
             "and what starts it where there is no systemd")
        status, output = c.execute("vmgenctl wait --settled")
        t.equal((status, "vmgend is not running" in output), (3, True),
                "vmgenctl wait --settled does not wait for ever")
        start(c)
        t.equal([told(line)[0] for line in lines(c, "10-guard") + lines(c, "80-last")],
                ["changed"] * 2, "the next start runs every hook once")


def check_killed(snapshot, t):
    """vmgend is killed in the middle of a run."""
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("test -e /run/slow")
        waiter = c.spawn("vmgenctl wait --settled 1; echo $? >/run/waited")
        stop(c, "KILL")
        c.join(waiter)
        t.equal(c.run("cat /run/waited").strip(), "3", "who waits for it learns of that")
        t.equal(len(lines(c, "10-guard")), 1, "the first hook ran before vmgend was killed")
        c.spawn("exec vmgend >>/run/vmgend.log 2>&1")
        c.run("sleep 1; touch /run/go")
        c.wait_for("vmgenctl wait --settled")
        t.equal(len(lines(c, "10-guard")), 1, "a hook that succeeded does not run again")
        t.equal(len(lines(c, "slow")), 1, "nor does one that went on meanwhile")
        t.equal(len(lines(c, "80-last")), 1, "the one that had not run does")


def check_first_start(kernel, state, t):
    """The machine is cloned in the boot in which vmgend is started for the first time."""
    files = {**HOOKS, STATE: (state, 0o600)}
    with boot(kernel, PROGRAMS, guid=new_guid(), files=files) as g:
        g.run("chmod 0700 /var/lib/vmgen")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("test $(sysctl -n dev.vmgenc.0.generation) = 2")
        start(c)
        t.equal([told(line)[0] for line in lines(c, "10-guard") + lines(c, "80-last")],
                ["changed"] * 2, "cloned before vmgend was started, every hook runs")


def check_boot(kernel, state, t):
    """The machine was off: the record is all that is left."""
    guid = new_guid()
    files = {**HOOKS, STATE: (state, 0o600)}
    with boot(kernel, PROGRAMS, guid=guid, files=files) as g:
        g.run("chmod 0700 /var/lib/vmgen")
        start(g)
        t.equal([told(line)[0] for line in lines(g, "10-guard")], ["boot-changed"],
                "a cold boot with another ID runs the guards")
        t.equal(lines(g, "80-last"), [], "and not what services do by starting")
        stop(g)
        start(g)
        t.equal(len(lines(g, "10-guard")), 1, "once")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, PROGRAMS, guid=guid, files=HOOKS) as g:
        seed(g)
        start(g)
        t.ok("adopted" in g.run("cat /run/vmgend.log"), "a first start adopts the ID")
        t.equal(lines(g, "10-guard"), [], "and runs no hook")
        state = g.run(f"cat {STATE}")
        t.equal(g.run(f"stat -c %a:%u {STATE}").strip(), "600:0", "the record is root's alone")
        snapshot = g.snapshot()
    check_running(snapshot, new_guid(), t)
    with snapshot.clone(guid=guid) as c:
        stop(c)
        stopped = c.snapshot()
    check_stopped(stopped, t)
    with boot(kernel, PROGRAMS, guid=new_guid(), files=HOOKS | SLOW_HOOK) as g:
        start(g)
        snapshot = g.snapshot()
    check_killed(snapshot, t)
    check_boot(kernel, state, t)
    check_first_start(kernel, state, t)


if __name__ == "__main__":
    tap.main(scenario)
