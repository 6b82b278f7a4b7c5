#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's ways to install, line by line as they stand there, in a booted Debian of the named
release that has nothing but systemd, a kernel and apt: what they bring, how long that takes, that
a clone is noticed, and that nothing is left after the removal.
"""

import re

from harness import plain, tap
from harness.installed import check_journal, check_protected
from harness.leftover import leftover, named
from harness.scenario import new_guid, say

PROTECTED = "This machine is protected."
ABSENT = ("cc", "clang", "dkms", "git", "make", "python3")
# What stays, says the README.
KEPT = {"Packages": (), "Source": ("/var/lib/vmgen",)}


def run_lines(g, way, lines, t):
    """{line: (output, seconds)}; what comes after one that failed would only fail as well."""
    done = {}
    for line in lines:
        status, output, seconds = plain.execute(g, line)
        done[line] = output, seconds
        if not t.equal(status, 0, f"{way}: {line}"):
            t.note(output[-6000:])
            raise RuntimeError(f"{line}: exit status {status}")
        say(f"{g.machine.kernel.name}: {way}: {seconds:.0f} s of the guest: {line}")
    return done


def check_plain(g, t):
    there = g.run(f"for p in {' '.join(ABSENT)}; do command -v $p || true; done")
    t.equal(there, "", "the system has no compiler, make or git")


def check_installed(g, way, done, t):
    output = done["vmgenctl status"][0]
    if not t.ok(re.search(r"(?m)^protected: +yes$", output), f"{way}: protected, is the answer"):
        t.note(output)
    check_protected(g, t, way)
    check_journal(g, t, way)


def check_clone(c, way, t):
    c.run("vmgenctl wait --settled 1", timeout=300)
    check_protected(c, t, f"{way}: clone")


def check_removal(c, way, t):
    run_lines(c, way, plain.lines(way, 1), t)
    check_journal(c, t, f"{way}: removed")
    for what, paths in (("no file is left", leftover(c)), ("nor one with its name", named(c))):
        t.equal([path for path in paths if not path.startswith(KEPT[way])], [],
                f"{way}: removed, {what}")


def install(system, way, t):
    """Returns the packages that were built, if any."""
    with system.boot(new_guid()) as g:
        check_plain(g, t)
        plain.enter(g)
        done = run_lines(g, way, plain.lines(way), t)
        check_installed(g, way, done, t)
        built = plain.take(g, " ".join(plain.own())) if way == "Packages" else {}
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        check_clone(c, way, t)
        check_removal(c, way, t)
    return built


def measure(system, t):
    """What somebody sees who has built the packages on another machine."""
    with system.boot(new_guid()) as g:
        g.run("mkdir -p /root/vmgen/build/deb && mv /root/*.deb /root/vmgen/build/deb && "
              f"echo /root/vmgen >{plain.WHERE}")
        boot = g.uptime()
        lines = [line for line in plain.lines("Packages") if ".deb" in line or "vmgenctl" in line]
        done = run_lines(g, "Packages built elsewhere", [*lines, "vmgenctl check"], t)
        t.ok(PROTECTED in done["vmgenctl check"][0], f"it says: {PROTECTED}")
        check_installed(g, "Packages built elsewhere", done, t)
        seconds = sum(taken for _, taken in done.values())
        bring = plain.brought(done[lines[0]][0])
        say(f"{system.name}: from apt-get install to '{PROTECTED}': {seconds:.0f} s of an emulated "
            f"guest, {seconds / boot:.1f} times as long as its boot; {bring}")


def scenario(suite, t):
    built = install(plain.Plain(suite), "Packages", t)
    measure(plain.Plain(suite, built), t)
    install(plain.Plain(suite), "Source", t)


if __name__ == "__main__":
    tap.main(scenario)
