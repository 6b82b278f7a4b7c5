#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""64 threads use the library in every way at once while the ID changes: each change is told once
and renews once, and neither ThreadSanitizer nor AddressSanitizer finds anything."""

import struct
import time

from harness import tap
from harness.host import Host
from harness.scenario import boot, new_guid, say

CHANGES = 12
SECONDS = 100
OVER, TOLD, READ, SHARED_RUNS, SLOWEST_GUARD, WAITED = range(6)


class Crowd:
    """The program in a guest, by what it shows in the guest's memory."""

    def __init__(self, guest, name):
        self.guest = guest
        self.memory = guest.memory()
        self.output = f"/tmp/{name}"
        self.pid = guest.spawn(f"exec {name} {SECONDS * guest.patience} >{self.output} 2>&1")
        guest.wait_for(f"grep . {self.output}")
        self.address = int(self.text().split()[1], 16)

    def text(self):
        return self.guest.run(f"cat {self.output}")

    def get(self, field):
        return struct.unpack_from("<Q", self.memory, self.address + 8 * field)[0]

    def has_seen(self, changes):
        return (self.get(TOLD) >= changes and self.get(READ) >= changes and
                min(self.get(SHARED_RUNS), self.get(SLOWEST_GUARD)) > changes)

    def wait_until_seen(self, changes):
        deadline = time.monotonic() + SECONDS * self.guest.patience
        while not self.has_seen(changes):
            if time.monotonic() > deadline or self.guest.execute(f"kill -0 {self.pid}")[0]:
                raise self.guest.error(f"after {changes} changes: {self.text()}")
            time.sleep(0.005)

    def end(self):
        struct.pack_into("<Q", self.memory, self.address + 8 * OVER, 1)
        self.guest.join(self.pid, SECONDS)
        return self.text().splitlines()[1:]


def check(g, host, name, t):
    crowd = Crowd(g, name)
    for changes in range(CHANGES):
        crowd.wait_until_seen(changes)
        host.change()
    crowd.wait_until_seen(CHANGES)
    lines = crowd.end()
    t.ok(len(lines) == 1 and lines[0].startswith(f"changes {CHANGES} told {CHANGES} "),
         f"{name}: {' / '.join(lines)}")
    return lines[0]


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["crowd"], tsan=["crowd"], guid=guid, cpus=2, shared=True,
              memory=1024) as g:
        host = Host(g, guid)
        # More than that and ThreadSanitizer cannot lay out its memory.
        g.run("sysctl -q vm.mmap_rnd_bits=28")
        for name in ("crowd", "crowd-tsan"):
            figures = check(g, host, name, t)
            say(f"{kernel}: {name}: {figures}")


if __name__ == "__main__":
    tap.main(scenario)
