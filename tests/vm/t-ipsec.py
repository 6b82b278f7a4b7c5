#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Clones of a machine with a live tunnel of IPsec: without the guard they encrypt under the same
keys and sequence numbers, with it none does, nothing leaves in plain text, and the tunnel comes
back by itself."""

import json

from harness import ipsec, tap
from harness.debian import Prebuilt
from harness.scenario import new_guid, say

PACKAGES = ("charon-systemd", "iproute2", "libstrongswan-standard-plugins", "python3")
UNIT = "strongswan"
GUARD, REPAIR = "10-ipsec", "50-ipsec"
INFORMATIONAL = "37"
MASK = f"mkdir -p /etc/vmgen/hooks.d && ln -sf /dev/null /etc/vmgen/hooks.d/{GUARD} && " \
       f"ln -sf /dev/null /etc/vmgen/hooks.d/{REPAIR} && systemctl reload vmgend"
UNMASK = f"rm /etc/vmgen/hooks.d/{GUARD} /etc/vmgen/hooks.d/{REPAIR} && systemctl reload vmgend"


def now(g):
    return g.uptime()


def pairs(lines):
    """{(SPI, sequence number): checksum of the packet}"""
    return {line.words[:2]: line.words[2] for line in lines}


def said(g, hook):
    return [json.loads(line) for line in
            g.run(f"journalctl -q -u vmgend -o json VMGEN_HOOK={hook}").splitlines()]


def outcomes(g):
    run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
    return {name: run["hooks"][name]["outcome"] for name in (GUARD, REPAIR)}


def settle(g):
    g.run("vmgenctl wait --settled --timeout 240 1", timeout=300)


def check_without(snapshot, since, t):
    """Returns what the first clone has sent."""
    records = []
    for last in (False, True):
        with snapshot.clone(guid=new_guid()) as c:
            settle(c)
            c.wait_for(f"test $(grep -c ' esp ' {ipsec.WATCH}) -gt {since.n_esp + 25}")
            records.append(ipsec.Record(c, since.time))
            if last:
                check_orderly(c, t)
    first, second = (pairs(r.of("esp")) for r in records)
    twice = {p for p in first.keys() & second.keys() if first[p] != second[p]}
    t.ok(len(twice) > 10, f"without the guard both clones sent {len(twice)} different packets under the "
         "same SPI and sequence number")
    for spi, number in sorted(twice)[:3]:
        t.note(f"SPI {spi}, sequence number {number}: {first[spi, number]} and {second[spi, number]}")


def check_orderly(c, t):
    """What the recorder shows of a plain restart, so that it would show it of ours."""
    before = now(c)
    c.run(f"systemctl restart {UNIT}")
    c.wait_for(f"tail -n 20 {ipsec.WATCH} | grep -q answer")
    record = ipsec.Record(c, before)
    t.ok(record.of("ike") and record.of("ike")[0].words[2] == INFORMATIONAL,
         "an orderly restart sends a message under the IKE SA of before")
    t.ok(record.of("plain"), "and plain text afterwards")


class Since:
    def __init__(self, g):
        lines = ipsec.Record(g).of("esp")
        self.time, self.n_esp, self.spi = lines[-1].time, len(lines), lines[-1].words[0]
        self.ike = {line.words[:2] for line in ipsec.Record(g).of("ike")}


def check_with(snapshot, since, t):
    """Returns the packets of this clone."""
    with snapshot.clone(guid=new_guid()) as c:
        settle(c)
        c.wait_for(f"awk '$2 == \"esp\" && $3 != \"{since.spi}\" {{ n = 1 }} n && $2 == \"answer\" "
                   f"{{ found = 1 }} END {{ exit !found }}' {ipsec.WATCH}")
        record = ipsec.Record(c, since.time)
        t.equal(outcomes(c), {GUARD: "failed", REPAIR: "succeeded"}, "how the hooks ended")
        for hook in (GUARD, REPAIR):
            for line in said(c, hook):
                t.note(line["MESSAGE"])
        check_record(record, since, t)
        return pairs(record.of("esp"))


def check_record(record, since, t):
    stale = [line for line in record.of("esp") if line.words[0] == since.spi]
    fresh = [line for line in record.of("esp") if line.words[0] != since.spi]
    t.equal([line for line in record.of("ike") if line.words[:2] in since.ike], [],
            "no message of IKE leaves under its old SA")
    t.equal(record.of("plain"), [], "nothing leaves in plain text")
    t.ok(fresh and all(line.time < fresh[0].time for line in stale), "new keys are in use, and no old ones")
    answer = next(line for line in record.of("answer") if line.time > fresh[0].time)
    begin = record.lines[0].time
    say(f"packets under old keys: {len(stale)}, the last {stale[-1].time - begin:.3f} s after the "
        f"restore; traffic flows again after {answer.time - begin:.1f} s" if stale else "none")


def scenario(kernel, t):
    debian = Prebuilt(kernel, PACKAGES, prepare=ipsec.prepare)
    with debian.boot(new_guid()) as g:
        ipsec.connect(g, UNIT)
        g.run(MASK)
        without = g.save("without")
        g.resume()
        since = Since(g)
        g.run(UNMASK)
        snapshot = g.snapshot()
    check_without(without, since, t)
    first, second = (check_with(snapshot, since, t) for _ in range(2))
    spis = [{spi for spi, _ in packets} - {since.spi} for packets in (first, second)]
    t.equal(spis[0] & spis[1], set(), "with the guard the two clones share no SPI")


if __name__ == "__main__":
    tap.main(scenario)
