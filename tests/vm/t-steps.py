#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A thousand changes in one boot: each is one step of the generation, none is lost or made up."""

import struct
import time

from harness import tap
from harness.host import Host
from harness.scenario import boot, generation, info, new_guid, say

CHANGES = 1000
# Of one change; longer than any may take.
HANG_SECONDS = 300


def change_and_wait(g, host, address, want):
    host.change()
    deadline = time.monotonic() + HANG_SECONDS
    while struct.unpack("<Q", host.memory[address:address + 8])[0] != want:
        if time.monotonic() > deadline:
            raise g.error(f"generation {want} was not seen")
        time.sleep(0.0002)


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["steps", "info"], guid=guid, shared=True) as g:
        host = Host(g, guid)
        g.spawn(f"steps {CHANGES} >/tmp/steps 2>&1; echo status $? >>/tmp/steps")
        g.wait_for("grep -q seen /tmp/steps")
        address = int(g.run("cat /tmp/steps").split()[1], 16)
        start = time.monotonic()
        for step in range(CHANGES):
            change_and_wait(g, host, address, step + 2)
        seconds = time.monotonic() - start
        g.wait_for("grep -q status /tmp/steps")
        t.equal(g.run("tail -n +2 /tmp/steps").split(), ["steps", str(CHANGES), "status", "0"],
                f"each of {CHANGES} changes is one step")
        g.run("sleep 1")
        t.equal(generation(g), 1 + CHANGES, "and there were no others")
        facts = info(g)
        t.equal([facts[name] for name in ("changes", "spurious_notifies", "lost_ids")],
                [str(CHANGES), "0", "0"], "the counters agree")
    say(f"{kernel}: {CHANGES} changes noticed one by one in {seconds:.1f} s")


if __name__ == "__main__":
    tap.main(scenario)
