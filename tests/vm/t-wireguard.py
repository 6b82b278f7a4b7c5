#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Two clones of one snapshot with a live tunnel of WireGuard, each with a peer of its own that has
seen later handshakes: without a guard they encrypt different packets with one key and one counter,
which shows what is in them. With it they stop, and traffic flows again without hands, also where
the clock is stale and the peer takes none of its handshakes for new."""

import contextlib
import dataclasses
import pathlib

from harness import tap, tunnel
from harness.guest import Snapshot
from harness.host import Host
from harness.later import later
from harness.scenario import ALL, WITHOUT_INTREE, generation, new_guid, say

HOUR = 3600
# Of the packet that is inside, before what a program has sent: IPv4 and UDP.
INSIDE = 28
TEXT, COUNT = 64, 10
# Packets by which a busy sender is under way.
MANY = 1000
# bhyve: where its table has the ID, and what keeps Linux away from there.
TABLE, AT = pathlib.Path(__file__).parent.parent / "tables/bhyve.asl", 0x0FFE0000
SILENT = {"tables": (TABLE,), "shared": True, "cmdline": f"memmap=64K${AT:#x}"}
CLOCK = pathlib.Path(__file__).parents[2] / "daemon/hooks/20-clock"
GUARD = f"""#!/bin/sh
test "$VMGEN_EVENT" = changed || exit 77
{tunnel.FORGET}
"""
HOOKS = {"/etc/vmgen/hooks.d/10-wireguard": (GUARD, 0o755),
         "/etc/vmgen/hooks.d/20-clock": (CLOCK.read_text("ascii"), 0o755),
         "/etc/vmgen/hooks.d/30-wireguard": (GUARD, 0o755),
         "/usr/libexec/vmgen/clock": ("#!/bin/sh\nexec /bin/clock\n", 0o755)}


@dataclasses.dataclass
class Original:
    """A snapshot of a guest, and the session that its clones go on with."""
    snapshot: Snapshot
    session: int


class Tunnel:
    def __init__(self, kernel):
        self.kernel = kernel
        self.intree = kernel not in WITHOUT_INTREE
        self.source, self.peer = tunnel.ends()

    def boot(self, **machine):
        self.source.begin()
        return self.source.boot(self.kernel, ["vmgend", "vmgenctl", "clock"], HOOKS, load=False,
                                **machine)

    def connect(self, g):
        self.source.connect(g, self.peer)
        self.check(g)

    def check(self, g):
        """The tunnel works in both directions."""
        g.wait_for(f"ping -c 1 -W 1 {self.peer.inside} >/dev/null")

    def chatter(self, g):
        g.spawn(f"exec chatter {self.peer.inside}")
        self.source.await_data(len(self.source.data()) + MANY)

    def save(self, g, name):
        """A snapshot of the guest, which goes on."""
        snapshot = g.save(name)
        session = self.source.session()
        g.resume()
        return Original(snapshot, session)

    @contextlib.contextmanager
    def clone(self, original, peer, change=None):
        """A clone with a peer of its own; a host that does not notify changes its memory."""
        guid = new_guid() if original.snapshot.has_device else None
        with peer.clone(), original.snapshot.clone(guid=guid, paused=True) as c:
            self.source.begin()
            if change:
                change(c)
            c.resume()
            yield c

    def old(self, original):
        """What a clone has sent in the session of its original."""
        return [m for m in self.source.data() if m.index == original.session]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def said(number):
    return f"clone {number} says what nobody else shall read".ljust(TEXT - 1, ".")


def start(g):
    g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def change(guest):
    Host(guest, at=AT).change()


# ---- before the snapshot and after it ---------------------------------------------------------


def later_by_peer(wire, p, session):
    """The peer begins another session, so it has seen nothing of the source's clock."""
    p.run(tunnel.FORGET)
    p.wait_for(f"ping -c 1 -W 1 {wire.source.inside} >/dev/null")
    wire.source.await_other(session)


def later_by_source(wire, g, p, t):
    """The source begins one, an hour later by its clock; the guard runs while nobody answers."""
    p.pause()
    session = wire.source.session()
    before = tunnel.configuration(g)
    g.run(f"date -s @$(($(date +%s) + {HOUR})); vmgenctl trigger --real")
    t.equal(tunnel.configuration(g), before,
            "peers, keys, endpoints and the latest handshakes are as they were before the guard")
    p.resume()
    g.run("vmgenctl trigger --real")
    wire.source.await_other(session)


def prepare_notified(wire, p, t):
    """{name: snapshot} of guests on a host that notifies: QEMU."""
    with wire.boot(guid=new_guid()) as g:
        wire.connect(g)
        if wire.intree:
            wire.chatter(g)
            bare = wire.save(g, "bare")
        g.run("insmod /vmgenc.ko")
        if not wire.intree:
            bare = wire.save(g, "bare")
            wire.chatter(g)
        start(g)
        guarded = wire.save(g, "guarded")
        later_by_peer(wire, p, guarded.session)
        right = p.save("right")
        p.resume()
        later_by_source(wire, g, p, t)
        stale = p.save("stale")
        p.resume()
    return bare, guarded, right, stale


def prepare_silent(wire, p):
    """The same on one that does not."""
    with wire.boot(**SILENT) as g:
        change(g)
        # As the module chooses by itself where CPUID says bhyve.
        g.run("insmod /vmgenc.ko poll_ms=1000")
        wire.connect(g)
        bare = wire.save(g, "bare")
        wire.chatter(g)
        start(g)
        guarded = wire.save(g, "guarded")
        later_by_peer(wire, p, guarded.session)
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
        c.wait_for("grep -q 'is handled (changed)' /run/vmgend.log")
        left = len(wire.old(original))
        first, again = wire.source.data()[0], wire.source.await_other(original.session)
        wire.check(c)
        old = wire.old(original)
        t.equal(len(old), left, f"{what}: after the guard nothing leaves with the old key")
        say(f"{wire.kernel}: {what}: traffic flows again after {again.time - first.time:.2f} s")
        return old


def measure_intree(wire, original, peer):
    with wire.clone(original, peer):
        wire.source.await_other(original.session)
        return wire.old(original)


def show(wire, what, original, found):
    """What each clone has sent with the old key before that was over."""
    counts = [f"{len(each)} in {1000 * (each[-1].time - each[0].time) if each else 0:.0f} ms"
              for each in found]
    say(f"{wire.kernel}: {what}: packets with the old key after the restore: "
        f"{' and '.join(counts)}; different data by one counter: "
        f"{len(tunnel.twice(found, original.session))}")


def check_notified(wire, bare, guarded, right, stale, t):
    if wire.intree:
        show(wire, "Linux's own notifier", bare,
             [measure_intree(wire, bare, right) for _ in range(2)])
    else:
        check_unguarded(wire, bare, right, t, "notified")
    old = [check_guarded(wire, guarded, right, t, "a right clock")]
    guarded_later = dataclasses.replace(guarded, snapshot=later(guarded.snapshot, 3 * HOUR))
    old.append(check_guarded(wire, guarded_later, stale, t, "a stale clock"))
    show(wire, "the guard", guarded, old)


def check_silent(wire, bare, guarded, peer, t):
    check_unguarded(wire, bare, peer, t, "not notified", change)
    show(wire, "the guard, not notified", guarded,
         [check_guarded(wire, guarded, peer, t, f"not notified, clone {number}", change)
          for number in (1, 2)])


def scenario(kernel, t):
    wire = Tunnel(kernel)
    silent = ()
    with wire.peer.boot(kernel, load=False) as p:
        wire.peer.connect(p, wire.source)
        # Where Linux has a notifier of its own, nothing else shows what happens without a guard.
        if wire.intree or ALL:
            silent = prepare_silent(wire, p)
        notified = prepare_notified(wire, p, t)
    check_notified(wire, *notified, t)
    if silent:
        check_silent(wire, *silent, t)


if __name__ == "__main__":
    tap.main(scenario)
