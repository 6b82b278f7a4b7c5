#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Clones of a program with BoringSSL, as Debian builds it: without vmgend, or where that must not,
all draw the same, and with it none does."""

import json
import pathlib
import platform

from harness import initramfs, tap
from harness.scenario import boot, new_guid, program, say, seed

CLONES = 2
LIBRARY = pathlib.Path(f"/usr/lib/{platform.machine()}-linux-gnu/android/libcrypto.so.0")
WAYS = {"without vmgend": None, "with fork-sentinels = no": "no", "with vmgend": "yes"}


def files(word):
    found = {str(LIBRARY): LIBRARY.read_bytes(),
             "/bin/boringssl": (program("boringssl", False).read_bytes(), 0o755),
             "/etc/vmgen/vmgend.conf": f"[vmgend]\njitter = 0\nfork-sentinels = {word or 'no'}\n"}
    for path, source in initramfs.shared_libraries(LIBRARY).items():
        found[path] = (source.read_bytes(), 0o755)
    return found


def start(g, word):
    seed(g)
    g.run("mkfifo /tmp/ask")
    g.spawn(f"exec boringssl {LIBRARY} 0<>/tmp/ask >/tmp/draws")
    g.wait_for("grep -q ready /tmp/draws")
    if word:
        g.run("mkdir -p /var/lib/vmgen")
        g.spawn("exec vmgend >/tmp/vmgend.log 2>&1")
        g.wait_for("vmgenctl wait --settled")
        # It stands by.
        name = "vmgend-sentinel" if word == "yes" else "vmgend-guardian"
        g.wait_for(f"cat /proc/[0-9]*/comm 2>/dev/null | grep -qx {name}")


def draw(c, word):
    """What a clone draws once all that shall be done is done."""
    if word:
        c.wait_for("test \"$(cat /run/vmgen/generation)\" = 2")
    else:
        c.wait_for("test \"$(sysctl -n dev.vmgenc.0.generation)\" = 2")
    if word == "yes":
        c.wait_for("grep -q '\"zeroed\"' /run/vmgen/status.json")
    c.run("printf . >/tmp/ask")
    c.wait_for("grep -q done /tmp/draws")
    return c.run("cat /tmp/draws").split()[1:-1]


def scenario(kernel, t):
    for way, word in WAYS.items():
        with boot(kernel, ["vmgend", "vmgenctl"], guid=new_guid(), files=files(word)) as g:
            start(g, word)
            snapshot = g.snapshot()
        drawn = []
        for _ in range(CLONES):
            with snapshot.clone(guid=new_guid()) as c:
                drawn.append(draw(c, word))
                if word == "yes":
                    last = json.loads(c.run("cat /run/vmgen/status.json"))["last"]
                    t.equal(last["sentinels"]["zeroed"], 1, "one sentinel was zeroed")
                    status, output = c.execute("vmgenctl check --json")
                    t.ok("fork sentinels" in output, f"check tells it ({status})")
        common = len(set(drawn[0]) & set(drawn[1]))
        say(f"{kernel}, {way}: draws of BoringSSL that {CLONES} clones have in common, of "
            f"{len(drawn[0])}: {common}")
        t.equal(common, 0 if word == "yes" else len(drawn[0]), f"{way}: what clones have in common")


if __name__ == "__main__":
    tap.main(scenario)
