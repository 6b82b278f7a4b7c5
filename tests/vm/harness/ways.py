# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""One of the README's ways to install, line by line as it stands there, in a booted system that
has nothing but systemd, a kernel and apt: a clone is detected, and nothing is left after the
removal.
"""

import re

from harness import plain
from harness.installed import check_journal, check_protected
from harness.leftover import leftover, named
from harness.scenario import new_guid, say

ABSENT = ("cc", "clang", "dkms", "git", "make", "python3")
# What stays, says vmgen-install(7).
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


def try_way(system, way, t):
    with system.boot(new_guid()) as g:
        check_plain(g, t)
        plain.enter(g)
        check_installed(g, way, run_lines(g, way, plain.lines(way), t), t)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        check_clone(c, way, t)
        check_removal(c, way, t)
