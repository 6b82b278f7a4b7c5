#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What vmgenctl shows of a guest, and drills: they run the hooks and change nothing, and a change
goes first. In FIPS mode nobody is called protected."""

import json
import re
import struct

from harness import tap
from harness.scenario import NOBODY, boot, generation, new_guid, seed, test_module

PROGRAMS = ["vmgend", "vmgenctl"]
D = "/etc/vmgen/hooks.d"
STATE = "/var/lib/vmgen/state.json"
# Each run leaves a line: its number and event.
LOG = "#!/bin/sh\necho %s $VMGEN_EVENT >>/run/ran\n"
# In a drill, if told so, it goes on until it may end.
SLOW = LOG + "[ $VMGEN_EVENT = test ] || exit 0\nwhile test -e /run/hold; do sleep 0.1; done\n"
HOOKS = {
    f"{D}/10-guard": (SLOW % 10, 0o755),
    f"{D}/60-identity": (LOG % 60, 0o755),
    f"{D}/80-last": (LOG % 80, 0o755),
    "/etc/vmgen/hooks.conf.d/60-identity.conf": "[hook]\nenabled = no\n",
}


def ran(g):
    """What hooks have left since the last call."""
    return g.run("cat /run/ran 2>/dev/null; rm -f /run/ran").splitlines()


def names(findings, state):
    return {finding["name"] for finding in findings if finding["state"] == state}


def check_no_module(g, t):
    status, output = g.execute("vmgenctl check")
    t.equal(status, 6, "without the module check has its exit status")
    t.ok("problem  device" in output and "modprobe vmgenc" in output, "and names the remedy")


def check_protected(g, t):
    status, output = g.execute("vmgenctl check --json")
    t.equal(status, 0, "with all that is needed check finds no problem")
    findings = json.loads(output)["findings"]
    t.equal(names(findings, "problem"), set(), "as JSON neither")
    missing = {"device", "notify", "driver", "sysgenid", "random", "vmgend", "config", "hooks"}
    t.equal(missing - names(findings, "ok"), set(), "it says what is well")
    t.ok(any(finding["name"] == "host" and "virt-clone" in finding["text"] for finding in findings
             if finding["state"] == "note"), "and what keeps the ID on hosts with QEMU")
    status, output = g.execute(f"{NOBODY} vmgenctl check")
    t.ok(status == 0 and "This machine is protected." in output, "everybody may look")
    t.ok("vmgen_protected 1" in g.run("vmgenctl metrics").splitlines(), "metrics say so, too")


def check_not_protected(g, t, what, text):
    t.ok("programs may draw from another random" in g.run("cat /run/vmgend.log"),
         f"{what}: vmgend says so when it reseeds")
    status, output = g.execute("vmgenctl check")
    t.ok(status == 12 and output.endswith("This machine is NOT protected.\n"), f"{what}: not protected")
    t.ok(f"problem  random    {text}" in output, f"{what}: check says why")
    t.ok("protected:   NO" in g.execute("vmgenctl status")[1], f"{what}: status says so")
    t.ok("vmgen_protected 0" in g.run("vmgenctl metrics").splitlines(), f"{what}: metrics, too")


def start(g):
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def check_other_random(g, t):
    """The module has a generator reseeded, and programs draw from another."""
    g.run("insmod /other.ko; rm /dev/urandom; mknod -m 666 /dev/urandom c 1 9; insmod /vmgenc.ko")
    start(g)
    check_not_protected(g, t, "another /dev/urandom", "/dev/urandom is not the kernel's own")
    g.run("kill $(pidof vmgend)")
    g.wait_for("! pidof vmgend && rmmod vmgenc")
    g.run("rmmod other; rm /dev/urandom; mknod -m 666 /dev/urandom c 1 9")


def check_fips(g, t):
    g.run("insmod /other.ko fips=1; vmgenctl trigger --real; rm /run/ran")
    check_not_protected(g, t, "FIPS mode", "the kernel is in FIPS mode")
    g.run("rmmod other")


def check_hooks(g, t):
    lines = g.run("vmgenctl hooks list").splitlines()
    t.equal([line.split()[:2] for line in lines if not line.startswith(" ")],
            [["10-guard", "on"], ["60-identity", "disabled"], ["80-last", "on"]], "hooks are listed")
    t.ok(any("-> /etc/vmgen/hooks.conf.d/60-identity.conf" in line for line in lines),
         "with what enables one that is disabled")
    t.ok("enabled=no" in g.run("vmgenctl hooks why 60-identity"), "hooks why knows why")


def check_drill(g, t):
    before = g.run(f"cat {STATE}")
    status, output = g.execute("vmgenctl trigger")
    t.equal((status, [line.split()[:2] for line in output.splitlines()]),
            (0, [["10-guard", "succeeded"], ["80-last", "succeeded"], ["60-identity", "did"]]),
            "a drill tells how hooks ended, and which did not run")
    t.ok("did not run: it is disabled" in output, "and why")
    t.equal(ran(g), ["10 test", "80 test"], "hooks are told that it is one")
    t.equal((g.run(f"cat {STATE}"), generation(g)), (before, 1), "record and generation do not move")
    t.equal(g.execute(f"{NOBODY} vmgenctl trigger")[0], 4, "only root may")
    t.equal(g.execute("vmgenctl hooks run 80-last --json")[0], 0, "one hook alone")
    t.equal(ran(g), ["80 test"], "is run alone")
    g.run(f"printf '#!/bin/sh\\nexit 5\\n' >{D}/30-bad; chmod 755 {D}/30-bad")
    status, output = g.execute("vmgenctl trigger")
    t.ok(status == 8 and "exit status 5" in output, "a bad hook is seen before a clone shows it")
    g.run(f"rm {D}/30-bad /run/ran")


def check_real(g, t):
    t.equal(g.execute("vmgenctl trigger --real")[0], 0, "a drill in earnest")
    t.equal(ran(g), ["10 changed", "80 changed"], "runs hooks as after a change")
    last = json.loads(g.run("vmgenctl status --json"))["vmgend"]["last"]
    t.equal((last["event"], last["reseed_errno"], len(last["hooks"])), ("changed", 0, 2),
            "reseeds, and is recorded")


def check_change(snapshot, t):
    """The change comes while a guard of a drill is running."""
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("grep -q '\"generation\":2' /run/watch")
        c.wait_for("grep -q '\"generation\":2' /run/vmgen/status.json || grep -q cloned /run/vmgend.log")
        # Nobody removes /run/hold, for which the guard of the drill waits.
        c.run("vmgenctl wait --settled 1")
        t.equal(ran(c), ["10 test", "10 changed", "80 changed"],
                "a change ends a guard of a drill, and comes before the next hook of it")
        c.wait_for("test -e /run/drilled")
        t.equal(c.run("cat /run/drilled").split(), ["1"], "the drill was cut short")
        t.ok("a change came during the drill" in c.run("cat /run/drill"), "and says so")
        c.wait_for("grep -q '\"type\":\"handled\"' /run/watch")
        told = [json.loads(line) for line in c.run("cat /run/watch").splitlines()]
        # When the drill that was cut short is told of depends on the disk.
        types = [line["type"] for line in told if line["type"] != "drill"]
        t.equal((types[:2], types[-2:]), (["generation", "vmgend"], ["started", "handled"]),
                "watch shows what is, and then a run")
        t.equal([line["generation"] for line in told if line["type"] == "generation"], [1, 2],
                "and the change itself")
        t.ok("vmgen_changes_total 1" in c.run("vmgenctl metrics").splitlines(), "metrics count it")
        check_times(c, t)


def change_times(c, prefix):
    """What vmgenctl and read(2) say of the time of a change, and how long ago that is in words."""
    noticed = json.loads(c.run(f"{prefix} vmgenctl status --json"))["changed_boottime_ns"]
    record = c.run(f"{prefix} dd if=/dev/vmgenid bs=24 count=1 2>/dev/null |"
                   " hexdump -v -e '1/1 \"%02x\"'")
    ago = re.search("last change: ([0-9.]+) s ago", c.run(f"{prefix} vmgenctl status"))
    return noticed, struct.unpack("=QqII", bytes.fromhex(record))[1], ago and float(ago[1])


def check_times(c, t):
    """Where a time name space has moved the clock that whoever is told has."""
    noticed, record, _ = change_times(c, "")
    t.ok(0 < noticed == record < c.uptime() * 1e9, "vmgenctl and read have one time of the change")
    after = noticed // 10**9 + 1
    c.wait_for(f"test $(cut -d. -f1 /proc/uptime) -ge {after}")
    for offset in (100000, -after):
        there = change_times(c, f"/bin/unshare -T --boottime {offset} -f")
        t.equal(there[:2], (noticed + offset * 10**9,) * 2,
                f"a time name space that is {offset} s off has its own")
        t.ok(there[2] is not None and there[2] <= c.uptime(),
             f"vmgenctl compares its own clock with that: {there[2]} s ago")


def scenario(kernel, t):
    with boot(kernel, [*PROGRAMS, "/usr/bin/unshare"], guid=new_guid(),
              files={**HOOKS, **test_module(kernel, "other")}, load=False) as g:
        check_no_module(g, t)
        seed(g)
        check_other_random(g, t)
        g.run("insmod /vmgenc.ko")
        start(g)
        check_protected(g, t)
        check_fips(g, t)
        check_hooks(g, t)
        check_drill(g, t)
        check_real(g, t)
        g.spawn("exec vmgenctl watch --json >/run/watch")
        g.wait_for("grep -q running /run/watch")
        g.run("touch /run/hold")
        g.spawn("vmgenctl trigger >/run/drill 2>&1; echo $? >/run/drilled")
        g.wait_for("test -e /run/ran")
        snapshot = g.snapshot()
    check_change(snapshot, t)


if __name__ == "__main__":
    tap.main(scenario)
