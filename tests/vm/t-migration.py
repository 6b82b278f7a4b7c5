#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What else virsh does with a machine that runs: it starts again, its memory is written out, with
a snapshot too, it moves to another host while it runs, and it is saved and restored 20 times in a
row. Whether it gets another generation ID, and who tells it how soon."""

import statistics

from harness import tap
from harness.changes import PROGRAMS, Changes, prepare
from harness.domain import NAME, Domain
from harness.libvirt import RELEASES, Libvirt, LibvirtError, connect

# How soon is of more interest here: vmgend and the guard have no sanitizers.
PLAIN = ("stamp", "vmgend", "vmgenctl")
ROUNDS = 20
SAVED = "/vm/saved"
DUMPS = ((), ("--live",), ("--memory-only",), ("--memory-only", "--live"))
# What a snapshot with its memory outside consists of.
OUTER = ("outer", "--memspec", "file=/vm/outer.memory,snapshot=external",
         "--diskspec", "vda,snapshot=external,file=/vm/outer.disk")


def refused(host, *words):
    """What virsh says."""
    try:
        host.virsh(*words)
    except LibvirtError as e:
        return str(e)
    return ""


def restore(g, changes):
    """What changes.new() takes."""
    def command():
        g.host.virsh("save", NAME, SAVED)
        return g.go_on("restore", SAVED, look=changes.time)
    return command


def check_boots(kernel, g, t):
    """The guest begins anew in a QEMU that goes on."""
    first = g.genid()
    for what, boot in (("reboot", g.reboot), ("reset", g.reset)):
        boot()
        prepare(g)
        changes = Changes(kernel, g, t)
        t.equal(g.genid(), first, f"{what}: the ID stays")
        changes.none(what, lambda: None)
    return changes


def check_dumps(g, changes, t):
    for number, words in enumerate(DUMPS):
        def dump(number=number, words=words):
            g.host.virsh("dump", NAME, f"/vm/dump{number}", *words)
        changes.none(" ".join(("dump", *words)), dump)
    said = refused(g.host, "restore", "/vm/dump0")
    t.ok("image magic is incorrect" in said, "virsh restore takes no dump") or t.note(said)


def check_revert(g, changes, t):
    """libvirt 9 refuses; later ones go back, with a disk that begins anew."""
    if g.host.release != "bookworm":
        changes.new("snapshot-revert to that",
                    lambda: g.go_on("snapshot-revert", NAME, "outer", look=changes.time))
        return
    said = refused(g.host, "snapshot-revert", NAME, "outer")
    t.ok("revert to external snapshot not supported" in said,
         "snapshot-revert of libvirt 9 refuses one with its memory outside") or t.note(said)


def check_outer(g, changes, t):
    """A snapshot whose memory lies in a file: the file can be restored more than once."""
    changes.none("snapshot-create-as --memspec",
                 lambda: g.host.virsh("snapshot-create-as", NAME, *OUTER) and None)
    # It goes on from the same state each time.
    kept = changes.changes
    check_revert(g, changes, t)

    def again():
        g.host.virsh("destroy", NAME)
        return g.go_on("restore", "/vm/outer.memory", look=changes.time)

    ids = {g.genid()}
    for _ in range(2):
        changes.changes = kept
        changes.new("restore of the file of --memspec", again)
        ids.add(g.genid())
    t.equal(len(ids), 3, "two restores of one file have two IDs")


def check_many(g, changes, t):
    ids, times = [], []
    for number in range(1, ROUNDS + 1):
        times.append(changes.new(f"save, restore, round {number}", restore(g, changes), False))
        ids.append(g.genid())
    t.equal(len(set(ids)), ROUNDS, f"{ROUNDS} restores: {ROUNDS} IDs")
    (late, latest), (first, last) = ((statistics.median(row), max(row)) for row in zip(*times))
    changes.row(f"save, restore, {ROUNDS} in a row",
                f"new  by interrupt after {late:.1f} ms (at most {latest:.1f}), "
                f"first guard after {first:.0f} ms (at most {last:.0f})")
    t.equal(g.execute("vmgenctl status")[0], 0, "after which vmgenctl says that all is well")


def check_moves(g, other, changes):
    """There and back; returns the machine, which then is restored where it did not begin."""
    home = g.host
    connect(home, other)
    g.share(other)
    g = move(g, other, changes, "migrate --live")
    changes.new("save, restore after that", restore(g, changes))
    return move(g, home, changes, "migrate --live, and back")


def move(g, host, changes, what):
    changes.none(what, lambda: g.migrate(host), spurious=1)
    return changes.g


def check(kernel, release, t):
    with Libvirt("one", release) as one, Libvirt("two", release) as two:
        with Domain(one, kernel, PROGRAMS, plain=PLAIN) as g:
            g.define("<genid/>")
            g.boot()
            prepare(g)
            g = check_moves(g, two, Changes(kernel, g, t))
            changes = check_boots(kernel, g, t)
            check_dumps(g, changes, t)
            check_outer(g, changes, t)
            check_many(g, changes, t)


def scenario(kernel, t):
    for release in RELEASES:
        check(kernel, release, t)


if __name__ == "__main__":
    tap.main(scenario)
