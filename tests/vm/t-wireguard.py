#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Two clones of one snapshot with a live tunnel of WireGuard, each with a peer of its own that has
seen later handshakes: without a guard they encrypt different packets with one key and one counter,
which shows what is in them. With it they stop, and traffic flows again without hands, also where
the clock is stale and the peer takes none of their handshakes for new."""

import dataclasses
import pathlib

from harness import tap, tunnel
from harness.host import Host
from harness.later import later
from harness.scenario import ALL, generation, new_guid, say

HOUR = 3600
# Of the packet that is inside, before what a program has sent: IPv4 and UDP.
INSIDE = 28
TEXT, COUNT = 64, 10
# Of WireGuard's, for each peer: what is in it has its counter already. It keeps the order.
QUEUE = 1024
# bhyve: where its table has the ID, and what keeps Linux away from there.
TABLE, AT = pathlib.Path(__file__).parent.parent / "tables/bhyve.asl", 0x0FFE0000
SILENT = {"tables": (TABLE,), "shared": True, "cmdline": f"memmap=64K${AT:#x}"}
# As the module chooses by itself where CPUID says bhyve.
TIMER = "poll_ms=1000"
DONE = "grep -q '^{}: succeeded' /run/vmgend.log"


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def said(number):
    return f"clone {number} says what nobody else shall read".ljust(TEXT - 1, ".")


def change(guest):
    Host(guest, at=AT).change()


# ---- before the clones ------------------------------------------------------------------------


def later_by_source(wire, g, p, t):
    """Another session an hour later by the source's clock; the guard runs while nobody answers."""
    p.pause()
    sessions, before = wire.source.sessions(), tunnel.configuration(g)
    g.run(f"date -s @$(($(date +%s) + {HOUR})); vmgenctl hooks run --real 10-wireguard")
    t.equal(tunnel.configuration(g), before,
            "peers, keys, endpoints and the latest handshakes are as they were before the guard")
    tunnel.go_on(p, wire.source)
    g.run("vmgenctl hooks run --real 10-wireguard")
    wire.source.await_other(sessions)


def prepare_notified(wire, p, t):
    """Snapshots without vmgend and with it, and of two peers, on a host that notifies: QEMU."""
    with wire.boot(guid=new_guid()) as g:
        wire.connect(g)
        if wire.intree:
            wire.chatter(g)
            bare = wire.save(g, "bare")
        g.run("insmod /vmgenc.ko")
        if not wire.intree:
            bare = wire.save(g, "bare")
            wire.chatter(g)
        tunnel.start(g)
        guarded = wire.save(g, "guarded")
        wire.later(p)
        right = p.save("right")
        tunnel.go_on(p, wire.source)
        later_by_source(wire, g, p, t)
        stale = p.save("stale")
        tunnel.go_on(p, wire.source)
    return bare, guarded, right, stale


def prepare_silent(wire, p):
    """The same on one that does not, with one peer."""
    with wire.boot(**SILENT) as g:
        change(g)
        g.run(f"insmod /vmgenc.ko {TIMER}")
        wire.connect(g)
        bare = wire.save(g, "bare")
        wire.chatter(g)
        tunnel.start(g)
        guarded = wire.save(g, "guarded")
        wire.later(p)
        peer = p.save("silent")
        p.resume()
    return bare, guarded, peer


# ---- the clones -------------------------------------------------------------------------------


def check_unguarded(wire, original, peer, t, what, change=None):
    """Clones of a guest that has the module and nothing else."""
    found = []
    for number in (1, 2):
        with wire.clone(original, peer, change) as c:
            t.equal(generation(c), 2, f"{what}, no guard, clone {number}: the module has settled")
            c.run(f"chatter {wire.peer.inside} {COUNT} '{said(number)}'")
            found.append(wire.source.await_data(COUNT))
    pairs = tunnel.twice(found, original.session)
    t.ok(pairs, f"{what}, no guard: different data is encrypted with the same key and counter")
    t.ok(xor(said(1).encode(), said(2).encode()) in
         {xor(a.content, b.content)[INSIDE:INSIDE + TEXT - 1] for a, b in pairs},
         "who listens has the XOR of what they said")
    say(f"{wire.kernel}: {what}, no guard: (index, counter) of both clones: " +
        " ".join(f"({a.index:#x}, {a.counter})" for a, _ in pairs))


def check_guarded(wire, original, peer, t, what, change=None):
    """Returns what a clone has sent with the old key."""
    with wire.clone(original, peer, change) as c:
        c.wait_for(DONE.format("10-wireguard"))
        left = len(wire.old(original))
        c.wait_for(DONE.format("30-wireguard"))
        again = wire.await_other(original)
        wire.check(c)
        old, first = wire.old(original), wire.source.data()[0]
        t.ok(len(old) <= left + QUEUE and not [m for m in old if m.time > again.time],
             f"{what}: after the guard nothing leaves with the old key")
        say(f"{wire.kernel}: {what}: traffic flows again after {again.time - first.time:.2f} s")
        return old


def measure_intree(wire, original, peer):
    with wire.clone(original, peer):
        wire.await_other(original)
        return wire.old(original)


def show(wire, what, found):
    """What two clones have sent with the old key before that was over."""
    counts = [f"{own} of its own, {len(each)} in all, in {tunnel.duration(each):.0f} ms"
              for own, each in zip(tunnel.own(found), found)]
    say(f"{wire.kernel}: {what}: packets with the old key after the restore: {'; '.join(counts)}")


def check_notified(wire, bare, guarded, right, stale, t):
    if wire.intree:
        show(wire, "Linux's own notifier", [measure_intree(wire, bare, right) for _ in range(2)])
    else:
        check_unguarded(wire, bare, right, t, "notified")
    old = [check_guarded(wire, guarded, right, t, "a right clock")]
    guarded_later = dataclasses.replace(guarded, snapshot=later(guarded.snapshot, 3 * HOUR))
    old.append(check_guarded(wire, guarded_later, stale, t, "a stale clock"))
    show(wire, "the guard", old)


def check_silent(wire, bare, guarded, peer, t):
    check_unguarded(wire, bare, peer, t, "not notified", change)
    show(wire, "the guard, not notified",
         [check_guarded(wire, guarded, peer, t, f"not notified, clone {number}", change)
          for number in (1, 2)])


def scenario(kernel, t):
    wire = tunnel.Tunnel(kernel)
    silent = ()
    with wire.boot_peer() as p:
        # Where Linux has a notifier of its own, nothing else shows what happens without a guard.
        if wire.intree or ALL:
            silent = prepare_silent(wire, p)
        notified = prepare_notified(wire, p, t)
    check_notified(wire, *notified, t)
    if silent:
        check_silent(wire, *silent, t)


if __name__ == "__main__":
    tap.main(scenario)
