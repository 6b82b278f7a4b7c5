#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Packages that were built on another machine with the same release of Debian, installed by the
README's line in a booted one that has nothing but systemd, a kernel and apt: what they bring, and
how long it takes until the machine is protected.
"""

from harness import plain, repository, tap, ways
from harness.scenario import new_guid, say

WAY = "Packages built elsewhere"
CHECK = "vmgenctl check"
PROTECTED = "This machine is protected."


def measure(system, t):
    with system.boot(new_guid()) as g:
        ways.check_plain(g, t)
        g.run("mkdir -p /root/vmgen/build/deb && mv /root/*.deb /root/vmgen/build/deb && "
              f"echo /root/vmgen >{plain.WHERE}")
        boot = g.uptime()
        lines = [line for line in plain.lines("Packages") if ".deb" in line or "vmgenctl" in line]
        done = ways.run_lines(g, WAY, [*lines, CHECK], t)
        t.ok(PROTECTED in done[CHECK][0], f"it says: {PROTECTED}")
        ways.check_installed(g, WAY, done, t)
        seconds = sum(taken for _, taken in done.values())
        say(f"{system.name}: from apt-get install to '{PROTECTED}': {seconds:.0f} s of an emulated "
            f"guest, {seconds / boot:.1f} times as long as its boot; "
            f"{plain.brought(done[lines[0]][0])}")


def scenario(suite, t):
    debs = repository.installed(repository.packages(suite))
    measure(plain.Plain(suite, {deb.name: deb.read_bytes() for deb in debs}), t)


if __name__ == "__main__":
    tap.main(scenario)
