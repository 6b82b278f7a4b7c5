#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Programs do anything at all with the nodes, and are killed in the middle of it, while the ID changes
and the machine sleeps: the kernel, which has sanitizers, finds nothing wrong, and the module works as
before and can be unloaded.

VMGEN_MINUTES= says how long (make check-nodes MINUTES=), VMGEN_SEED= repeats what is drawn.
"""

import os
import random
import time

from harness import sanitizer, tap
from harness.host import Host
from harness.scenario import boot, generation, new_guid, say

NODES = ("/dev/vmgenid", "/dev/sysgenid")
# What the nodes do not have.
REFUSED = ["splice"]
MINUTES = float(os.environ.get("VMGEN_MINUTES") or 0.5)
SEED = int(os.environ.get("VMGEN_SEED") or random.SystemRandom().randrange(1 << 32))
# One program lives so long; then the machine sleeps, and all must be as it should.
ROUND_SECONDS = 20
PAUSES = (0, 0.001, 0.02, 0.3)
# On a slow machine a round has few calls, and some kinds seldom succeed.
MOST_ROUNDS = 30
HANG_SECONDS = 120


def go_wild(g, host, seed, seconds):
    """One round; returns the line that the program prints, and the changes of the host."""
    g.spawn(f"nodes {seconds} {seed} {' '.join(NODES)} >/tmp/nodes 2>&1; echo $? >/tmp/status")
    dice = random.Random(seed)
    changes = 0
    deadline = time.monotonic() + (seconds + HANG_SECONDS) * g.patience
    while g.execute("test -s /tmp/status")[0]:
        if time.monotonic() > deadline:
            raise g.error("the program does not end")
        for _ in range(dice.randrange(1, 30)):
            host.change()
            changes += 1
            time.sleep(dice.choice(PAUSES))
    output = g.run("cat /tmp/nodes; echo status $(cat /tmp/status); rm /tmp/status")
    g.run("killall -9 nodes 2>/dev/null; while pidof nodes; do usleep 50000; done; true")
    return output.strip(), changes


def idle(calls):
    """The kinds of which none has succeeded."""
    return [name for name, (_, good) in calls.items() if not good]


def scenario(kernel, t):
    say(f"{kernel}: VMGEN_SEED={SEED}, {MINUTES:g} min")
    guid = new_guid()
    began = time.monotonic()
    calls, lives, changes, rounds = {}, 0, 0, 0
    with boot(kernel, ["nodes"], sanitized=False, guid=guid, cpus=2, shared=True, sleeps=True) as g:
        host = Host(g, guid)
        while (not calls or time.monotonic() - began < MINUTES * 60 or
               (idle(calls) != REFUSED and rounds < MOST_ROUNDS)):
            output, more = go_wild(g, host, SEED + rounds, min(ROUND_SECONDS, int(MINUTES * 60)))
            if not output.endswith("status 0"):
                t.ok(False, f"the program ends well: {output[-300:]}")
                break
            words = output.split()
            lives += int(words[1])
            for name, count in zip(words[2:-2:2], words[3:-2:2]):
                old = calls.get(name, (0, 0))
                calls[name] = tuple(a + int(b) for a, b in zip(old, count.split("/")))
            changes += more
            rounds += 1
            g.fall_asleep()
            g.wake()
        t.equal(idle(calls), REFUSED, "all other kinds of calls have succeeded, too")
        before = generation(g)
        host.change()
        t.equal(generation(g), before + 1, "the module works as before")
        t.equal(g.run("rmmod vmgenc; insmod /vmgenc.ko; sysctl -n dev.vmgenc.0.generation").strip(), "1",
                "and can be unloaded")
        t.equal(sanitizer.report(g.console_text()), "", "the kernel has found nothing wrong")
    say(f"{kernel}: {rounds} rounds, {lives} processes, {sum(n for n, _ in calls.values())} calls, "
        f"{changes} changes; of each kind, and so many succeeded: "
        + ", ".join(f"{name} {n}/{good}" for name, (n, good) in calls.items()))


if __name__ == "__main__":
    tap.main(scenario)
