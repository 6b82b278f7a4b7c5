#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Many threads use the device in every way at once, while the ID changes and the module comes and
goes: no answer is impossible, no call hangs, and the kernel finds nothing wrong."""

import time

from harness import sanitizer, tap
from harness.host import Host
from harness.scenario import NOBODY, boot, generation, new_guid, say

NODES = ("/dev/vmgenid", "/dev/sysgenid")
LOADS = 3
# Where the kernel looks for mistakes as well.
MANY_LOADS = 4
SECONDS = 2
HANG_SECONDS = 300
TOLD_SECONDS = 20
# More processes than wake at once, all of the time on their way in or out.
LOOPS, ENTRIES = 8, 50
STRESS_NG = "/usr/bin/stress-ng"


def change_until(g, host, condition):
    """Change the ID all the time until a shell command succeeds; returns how often."""
    changes = 0
    deadline = time.monotonic() + HANG_SECONDS * g.patience
    while g.execute(condition)[0]:
        if time.monotonic() > deadline:
            raise g.error(f"{condition}: not in time")
        for _ in range(20):
            host.change()
            changes += 1
            time.sleep(0.005)
    return changes


def check_storm(g, host, loads, t):
    g.spawn(f"storm {loads} /vmgenc.ko {' '.join(NODES)} >/tmp/storm 2>&1; echo $? >/tmp/status")
    changes = change_until(g, host, "test -s /tmp/status")
    output = g.run("cat /tmp/storm").strip()
    t.equal((g.run("cat /tmp/status").strip(), "broken" in output), ("0", False),
            f"the threads end well: {output}")
    words = output.split()
    seen = dict(zip(words[::2], words[1::2]))
    t.equal(seen.get("loads"), str(loads), "the module came and went meanwhile")
    t.ok(int(seen.get("generation", 0)) > 1, "the generation moved meanwhile")
    return f"{output}, {changes} changes of the host"


def check_stress_ng(g, host, t):
    before = generation(g)
    for _ in range(LOOPS):
        g.spawn(f"until test -e /tmp/over; do {NOBODY} waiters {ENTRIES} 1 || break; done;"
                " echo $? >>/tmp/nobody")
    for node in NODES:
        g.spawn(f"stress-ng --dev 2 --dev-file {node} --timeout {SECONDS} >/tmp/stress 2>&1;"
                " echo $? >>/tmp/stress-status")
        change_until(g, host, "test -s /tmp/stress-status")
        t.equal(g.run("cat /tmp/stress-status; rm /tmp/stress-status").strip(), "0",
                f"stress-ng --dev-file {node}")
    t.ok(generation(g) > before, "the generation moved meanwhile")
    g.run("touch /tmp/over")
    # Some are yet to begin, so one change is not enough.
    change_until(g, host, "sysctl -n dev.vmgenc.0.generation >/dev/null;"
                 f" test $(wc -l </tmp/nobody) = {LOOPS}")
    t.equal(g.run("sort -u /tmp/nobody").strip(), "0", "and a crowd of nobody's was told each time")


def check_told(g, host, t):
    pid = g.spawn(f"told {TOLD_SECONDS * g.patience} >/tmp/told 2>&1; echo $? >/tmp/told-status")
    g.wait_for("grep -E 'ready|broken|Sanitizer' /tmp/told")
    host.change()
    generation(g)
    g.join(pid, 2 * TOLD_SECONDS)
    t.results(tap.parse(int(g.run("cat /tmp/told-status")), g.run("cat /tmp/told"), "told"))


def scenario(kernel, t):
    guid = new_guid()
    loads = MANY_LOADS if kernel == sanitizer.KERNEL else LOADS
    with boot(kernel, ["storm", "told", "waiters", STRESS_NG], guid=guid, cpus=2, shared=True) as g:
        host = Host(g, guid)
        figures = check_storm(g, host, loads, t)
        check_stress_ng(g, host, t)
        check_told(g, host, t)
        before = generation(g)
        host.change()
        t.equal(generation(g), before + 1, "and all is well afterwards")
    say(f"{kernel}: {figures}")


if __name__ == "__main__":
    tap.main(scenario)
