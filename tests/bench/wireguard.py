# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How many packets of its own a clone sends with WireGuard's session key of its original, while a
program sends as fast as it can: until Linux's own notifier has ended that, where there is one, and
until the guard has. One CPU. Older ones, which were encrypted before the snapshot and come from
queues, are the same in each clone."""

import statistics

from harness import tunnel
from harness.scenario import new_guid


def prepare(wire):
    """({who ends it: snapshot}, snapshot of the peer)"""
    found = {}
    with wire.boot_peer() as p, wire.boot(guid=new_guid()) as g:
        wire.connect(g)
        wire.chatter(g)
        if wire.intree:
            found["Linux's own notifier"] = wire.save(g, "bare")
        g.run("insmod /vmgenc.ko")
        tunnel.start(g)
        found["the guard"] = wire.save(g, "guarded")
        wire.later(p)
        return found, p.save("peer")


def sent(wire, original, peer):
    with wire.clone(original, peer):
        wire.await_other(original)
        return wire.old(original)


def row(wire, who, found):
    own = tunnel.own(found)
    return {"kernel": wire.kernel, "who": who, "seen": own, "packets": statistics.median_low(own),
            "in_all": statistics.median_low(map(len, found))}


def measure_kernel(kernel, options):
    wire = tunnel.Tunnel(kernel)
    originals, peer = prepare(wire)
    # What one alone has sent, nothing is known of.
    clones = range(max(2, options.clones))
    return [row(wire, who, [sent(wire, original, peer) for _ in clones])
            for who, original in originals.items()]


def measure(options):
    return [each for kernel in options.kernels for each in measure_kernel(kernel, options)]


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("until it is ended by", 24, lambda row: row["who"]),
    ("packets", 10, lambda row: f"{row['packets']:7,}"),
    ("of each clone", 28, lambda row: " ".join(f"{n:,}" for n in row["seen"])),
    (" with older ones", 0, lambda row: f"{row['in_all']:16,}"),
)
