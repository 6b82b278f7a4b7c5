# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a change is like in a guest, on any host: who detected it and how late, when hooks
begin, and what siblings draw in common.

    hosted.begin(g)
    ...                 # the host restores the guest with another ID
    hosted.check_change(g, t, "Xen", "timer")
"""

import json

from harness import draws
from harness.scenario import info, say, seed

PROGRAMS = ("draw", "info", "stamp", "vmgenctl", "vmgend", "window")
# Each tells by its interpreter when it began.
HOOKS = {name: f"#!/bin/stamp /run/{name}\\n" for name in ("10-guard", "80-hook")}
DIRECTORY = "/etc/vmgen/hooks.d"
DRAWS = 100
MS = 10**6      # nanoseconds


def shown(g):
    """The ID as the guest has it."""
    return g.run("sysctl -n dev.vmgenc.0.guid").strip()


def prepare(g, hooks):
    """In a guest that has booted, up to a vmgend that has nothing to do."""
    g.run(f"mkdir -p {DIRECTORY}; printf '[vmgend]\\njitter = 0\\n' >/etc/vmgen/vmgend.conf")
    for name, text in hooks.items():
        g.run(f"printf '{text}' >{DIRECTORY}/{name}; chmod +x {DIRECTORY}/{name}")
    g.run("insmod /vmgenc.ko")
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def begin(g):
    """That, and a program that does nothing but look at the ID."""
    seed(g)
    prepare(g, HOOKS)
    g.spawn("window >/tmp/window")
    g.wait_for("grep -q count /tmp/window")


def changes(g):
    """(changes, notifications without one) since the module was loaded."""
    facts = info(g)
    return int(facts["changes"]), int(facts["spurious_notifies"])


def handled(g):
    """(who detected the last change, and in milliseconds how late; {hook: when each run of it began})"""
    g.wait_for("grep -q between /tmp/window && vmgenctl wait --settled")
    status = json.loads(g.run("vmgenctl status --json"))
    late = int(g.run("awk '/between/ { print $2 }' /tmp/window")) / MS
    began = {name: [(int(line.split()[1]) - status["changed_boottime_ns"]) / MS
                    for line in g.run(f"cat /run/{name}").splitlines()] for name in HOOKS}
    return status["detected_by"], late, began


def check_change(g, t, what, source):
    detected, late, began = handled(g)
    t.equal(detected, source, f"{what}: who detected it")
    t.equal([len(times) for times in began.values()], [1] * len(HOOKS), f"{what}: hooks ran, once each")
    guard, last = (times[-1] for times in began.values())
    say(f"{what}: detected by {detected}, {late:.3f} ms after the ID was new to a program; "
        f"the guard began {guard:.0f} ms and the last hook {last:.0f} ms later")


def begin_draws(g):
    """A program that draws, which takes the place of the one that looks."""
    g.run("kill $(pidof window) 2>/dev/null; sleep 0.1")
    draws.begin(g, shown(g), DRAWS)


def check_draws(found, t, what, most=0):
    """Of siblings that began to draw before they parted."""
    t.equal([len(f) for f in found], [DRAWS] * len(found), f"{what}: every sibling drew")
    common = draws.in_common(*found)
    t.ok(common <= most, f"{what}: siblings have {common} leading draws in common")
    say(f"{what}: leading draws of two siblings in common, of {DRAWS}: {common}")
