#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The timer for hosts that do not notify: off on QEMU, which does; on by parameter and sysctl."""

from harness import tap
from harness.host import Host
from harness.scenario import NOBODY, boot, info, new_guid

# enum vmgenid_source
CALL, TIMER = "3", "6"
POLL_MS = "/proc/sys/dev/vmgenc/0/poll_ms"


def check_quiet(g, host, t):
    lines = g.run("dmesg | grep -c 'cloned or restored'; :")
    host.change()
    g.run("sleep 2")
    t.equal(g.run("dmesg | grep -c 'cloned or restored'; :"), lines, "off, it looks at nothing")
    t.equal(info(g)["source"], CALL, "so a call finds out")


def check_noticed(g, host, t, name):
    before = int(info(g)["found_by_timer"])
    lines = int(g.run("dmesg | grep -c 'detected by timer'; :"))
    host.change()
    g.wait_for(f"test $(dmesg | grep -c 'detected by timer') -gt {lines}")
    facts = info(g)
    t.equal((facts["source"], int(facts["found_by_timer"])), (TIMER, before + 1), name)


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["info"], guid=guid, shared=True) as g:
        host = Host(g, guid)
        t.equal(g.run(f"cat {POLL_MS}").strip(), "0", "a host that notifies is not polled")
        check_quiet(g, host, t)
        g.run(f"echo 50 >{POLL_MS}")
        check_noticed(g, host, t, "switched on by sysctl, it finds a change")
        for bad in ("-1", "3600001", "often"):
            t.ok(g.execute(f"echo {bad} >{POLL_MS}")[0], f"sysctl refuses {bad}")
        t.equal(g.run(f"cat {POLL_MS}").strip(), "50", "and stays as it was")
        t.ok(g.execute(f"{NOBODY} sh -c 'echo 0 >{POLL_MS}'")[0],
             "it is for root to set")
        g.run(f"echo 0 >{POLL_MS}; sleep 0.2")
        check_quiet(g, host, t)
        g.run("rmmod vmgenc; insmod /vmgenc.ko poll_ms=50")
        check_noticed(g, host, t, "switched on by parameter, it finds a change")
        g.run("rmmod vmgenc")
        for bad in ("-2", "3600001"):
            t.ok(g.execute(f"insmod /vmgenc.ko poll_ms={bad}")[0], f"poll_ms={bad} is refused")
            t.ok(f"poll_ms={bad}: give milliseconds" in g.run("dmesg"), "with a sentence that says why")


if __name__ == "__main__":
    tap.main(scenario)
