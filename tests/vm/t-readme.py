#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's way with packages, typed into a booted Debian of the named release; then what
somebody sees who has built them on another machine: what they bring, and how long that takes.
t-source.py is the way with the source.
"""

from harness import plain, tap, ways
from harness.scenario import new_guid, say

PROTECTED = "This machine is protected."


def built(g):
    return plain.take(g, " ".join(plain.own()))


def measure(system, t):
    with system.boot(new_guid()) as g:
        g.run("mkdir -p /root/vmgen/build/deb && mv /root/*.deb /root/vmgen/build/deb && "
              f"echo /root/vmgen >{plain.WHERE}")
        boot = g.uptime()
        lines = [line for line in plain.lines("Packages") if ".deb" in line or "vmgenctl" in line]
        done = ways.run_lines(g, "Packages built elsewhere", [*lines, "vmgenctl check"], t)
        t.ok(PROTECTED in done["vmgenctl check"][0], f"it says: {PROTECTED}")
        ways.check_installed(g, "Packages built elsewhere", done, t)
        seconds = sum(taken for _, taken in done.values())
        bring = plain.brought(done[lines[0]][0])
        say(f"{system.name}: from apt-get install to '{PROTECTED}': {seconds:.0f} s of an emulated "
            f"guest, {seconds / boot:.1f} times as long as its boot; {bring}")


def scenario(suite, t):
    debs = ways.try_way(plain.Plain(suite), "Packages", t, built)
    measure(plain.Plain(suite, debs), t)


if __name__ == "__main__":
    tap.main(scenario)
