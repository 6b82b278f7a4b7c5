#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Clones of a machine with a live tunnel of IPsec: without the guard they encrypt under the same
keys and sequence numbers, with it none does, nothing leaves in plain text, and the tunnel comes
back by itself."""

import json
import re

from harness import ipsec, tap
from harness.debian import Prebuilt
from harness.scenario import ALL, new_guid, say

GUARD, MANUAL, REPAIR = "10-ipsec", "10-ipsec-manual", "50-ipsec"
INFORMATIONAL = "37"
HOOKS = "/usr/lib/vmgen/hooks.d"
LIFT = "ip xfrm policy flush ptype sub"
FREEZE = "/sys/fs/cgroup/system.slice/{}.service/cgroup.freeze"


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


def let_send(g, since):
    """Returns what it has sent since, some packets from now on at least."""
    n = int(g.run(f"grep -c ' esp ' {ipsec.WATCH}"))
    g.wait_for(f"test $(grep -c ' esp ' {ipsec.WATCH}) -gt {n + 25}")
    return pairs(ipsec.Record(g, since.time).of("esp"))


def check_without(snapshot, guid, daemon, since, t):
    """The ID is the same, so vmgend hears of nothing."""
    sent = []
    for last in (False, True):
        with snapshot.clone(guid=guid) as c:
            sent.append(let_send(c, since))
            if last:
                check_orderly(c, daemon, t)
    first, second = sent
    twice = {p for p in first.keys() & second.keys() if first[p] != second[p]}
    t.ok(len(twice) > 5, f"without the guard two clones sent {len(twice)} different packets under "
         "the same SPI and sequence number")
    for spi, number in sorted(twice)[:3]:
        t.note(f"SPI {spi}, sequence number {number}: packets {first[spi, number]} and "
               f"{second[spi, number]}")


def check_orderly(c, daemon, t):
    """What the recorder shows of a plain restart, so that it would show it of ours."""
    before = c.uptime()
    c.run(f"systemctl restart {daemon.unit}")
    c.wait_for(f"tail -n 20 {ipsec.WATCH} | grep -q answer")
    record = ipsec.Record(c, before)
    t.ok(record.of("ike") and record.of("ike")[0].words[2] == INFORMATIONAL,
         "an orderly restart sends a message under the IKE SA of before")
    t.ok(record.of("plain"), "and plain text afterwards")


class Since:
    def __init__(self, g):
        lines = ipsec.Record(g).of("esp")
        self.time, self.spi = lines[-1].time, lines[-1].words[0]
        self.ike = {line.words[:2] for line in ipsec.Record(g).of("ike")}


def check_with(snapshot, daemon, since, by_hand, t):
    """Returns the packets of this clone."""
    with snapshot.clone(guid=new_guid()) as c:
        settle(c)
        c.wait_for(f"awk '$2 == \"esp\" && $3 != \"{since.spi}\" {{ n = 1 }} n && $2 == \"answer\" "
                   f"{{ found = 1 }} END {{ exit !found }}' {ipsec.WATCH}")
        record = ipsec.Record(c, since.time)
        t.equal(outcomes(c), {GUARD: "succeeded", REPAIR: "succeeded"}, "how the hooks ended")
        t.ok(any("far: " in line["MESSAGE"] and "are left to 10-ipsec-manual" in line["MESSAGE"]
                 for line in said(c, GUARD)), "SAs without a known daemon are named")
        for hook in (GUARD, REPAIR):
            for line in said(c, hook):
                t.note(line["MESSAGE"])
        check_record(record, since, t)
        if by_hand:
            check_by_hand(c, daemon, t)
            check_ended(c, daemon, t)
        return pairs(record.of("esp"))


def hook(c, name, event="changed", generation=None):
    """(exit status, output) of a hook that is run by hand."""
    number = f"VMGEN_GENERATION={generation} " if generation else ""
    return c.execute(f"VMGEN_EVENT={event} {number}{HOOKS}/{name}", timeout=120)


def await_answer(c, since):
    c.wait_for(f"awk '$1 > {since} && $2 == \"answer\" {{ n++ }} END {{ exit n < 3 }}' "
               f"{ipsec.WATCH}")


def state(c, daemon):
    """1: it is frozen."""
    return c.run(f"cat {FREEZE.format(daemon.unit)}").strip()


def check_by_hand(c, daemon, t):
    """What goes wrong at a change, and the hooks run twice."""
    before = c.uptime()
    status, output = hook(c, GUARD, "test")
    t.ok(status == 0 and f"would freeze {daemon.unit}.service" in output,
         "a drill of the guard says what it would do")
    t.equal(hook(c, REPAIR, "test")[0], 77, "the repair has nothing to do")
    await_answer(c, before)
    t.equal(hook(c, GUARD, "boot-changed")[0], 77, "nor has the guard at a boot")
    hook(c, GUARD, generation=7)
    hook(c, GUARD, generation=8)
    t.equal((state(c, daemon), c.run("ip xfrm state")), ("1", ""),
            "once more is the same: it is frozen, and has no SA")
    status, output = hook(c, REPAIR, generation=7)
    t.ok(status == 0 and "a newer change has stopped it again" in output and
         state(c, daemon) == "1", "the repair of an older change leaves it frozen")
    check_no_start(c, daemon, before, t)
    check_no_note(c, daemon, before, t)
    check_manual(c, t)
    hook(c, GUARD, generation=9)
    lift_each(c, t)
    hook(c, GUARD, generation=10)
    c.run(f"systemctl kill --signal=KILL {daemon.unit}; ip xfrm policy flush; {LIFT}")
    t.ok("ptype sub" not in c.run("ip xfrm policy"), "the command that lifts the block does")


def check_ended(c, daemon, t):
    """A daemon that ends again, which the service manager calls active for a moment."""
    # The change of the command below is not one of those above.
    before = c.uptime()
    c.run(f"rm /run/vmgen/ipsec.guard; systemctl restart {daemon.unit}")
    await_answer(c, before)
    hook(c, GUARD, generation=1)
    before = c.uptime()
    c.run(f"mkdir -p /run/systemd/system/{daemon.unit}.service.d; printf '[Service]\nType=oneshot\n"
          "RemainAfterExit=yes\nRestart=no\nExecStart=\nExecStart=/bin/true\nExecStartPre=\n"
          f"ExecStartPost=\n' >/run/systemd/system/{daemon.unit}.service.d/end.conf; "
          "systemctl daemon-reload")
    status, output = hook(c, REPAIR, generation=1)
    t.ok(status == 1 and f"{daemon.unit}.service does not run" in output,
         "a daemon that has ended after its start is told")
    t.equal(ipsec.Record(c, before).of("plain"), [], "and nothing leaves in plain text")
    c.run(f"rm -r /run/systemd/system/{daemon.unit}.service.d; systemctl daemon-reload; "
          f"systemctl stop {daemon.unit}")
    t.equal(c.execute("vmgenctl hooks run --real 50-ipsec")[0], 0, "the command that is told helps")
    await_answer(c, c.uptime())


def lift_each(c, t):
    """By the commands that are told of each block."""
    commands = re.findall("ip xfrm policy delete .*", c.execute("vmgenctl check")[1])
    t.ok(commands, "each block is named")
    c.run("; ".join(commands))
    t.ok("action block" not in c.run("ip xfrm policy"), "and the command of each lifts it")


def check_no_start(c, daemon, before, t):
    c.run(f"systemctl mask --runtime {daemon.unit}")
    status, output = hook(c, REPAIR, generation=8)
    t.ok(status == 1 and f"{daemon.unit}.service did not start" in output and LIFT in output,
         "a daemon that does not come back is told")
    t.ok("ptype sub" in c.run("ip xfrm policy"), "the block stays")
    t.equal(ipsec.Record(c, before).of("plain"), [], "so nothing leaves in plain text")
    c.run(f"systemctl unmask --runtime {daemon.unit}")
    begun = c.uptime()
    t.equal(hook(c, REPAIR, generation=8)[0], 0, "the repair can be run again")
    await_answer(c, begun)


def check_no_note(c, daemon, before, t):
    begun = c.uptime()
    hook(c, GUARD, generation=9)
    c.run("rm /run/vmgen/ipsec.guard")
    t.equal(hook(c, REPAIR, generation=9)[0], 0,
            "a guard that was killed before it noted anything is no hindrance")
    await_answer(c, begun)
    t.ok("ptype sub" not in c.run("ip xfrm policy"), "then nothing is blocked")
    t.equal(ipsec.Record(c, before).of("plain"), [], "and nothing has left in plain text")


def check_manual(c, t):
    """SAs that no daemon has agreed on, while one runs elsewhere."""
    c.run("ip netns add manual; ip -n manual xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp "
          "spi 7 aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128")
    for host, level in ((2, "use"), (3, "required")):
        c.run(f"ip -n manual xfrm policy add src 10.0.0.1 dst 10.0.0.{host} dir out "
              f"tmpl src 10.0.0.1 dst 10.0.0.{host} proto esp mode transport level {level}")

    def states():
        return [c.run(f"ip {of} xfrm state | grep -c spi || true").strip() != "0"
                for of in ("-n manual", "")]
    status, output = hook(c, GUARD, "test")
    t.ok(status == 0 and "network name space manual: 1 SAs" in output and f"left to {MANUAL}" in output,
         "the guard names SAs that are set by hand")
    status, output = hook(c, MANUAL, "test")
    t.ok(status == 0 and "network name space manual: 1 SAs" in output and
         "would be forgotten" in output, "a drill of the hook for them says what it would do")
    t.equal(c.execute(f"VMGEN_EVENT=changed setpriv --bounding-set=-all --inh-caps=-all "
                      f"{HOOKS}/{MANUAL}")[0], 77, "without rights there is nothing to do")
    t.equal([c.execute(f"{HOOKS}/{name}")[0] for name in (GUARD, MANUAL, REPAIR)], [77] * 3,
            "nor without an event")
    t.equal(states(), [True, True], "nothing is forgotten by that")
    t.equal((hook(c, MANUAL)[0], states()), (0, [False, True]),
            "it forgets them, and none of the daemon's")
    blocked = "ip -n manual xfrm policy | grep -B 1 'ptype sub' | grep '^src' || true"
    t.ok(re.fullmatch(r"src 10\.0\.0\.1/32 dst 10\.0\.0\.2/32.*\n", c.run(blocked)),
         "what would leave in plain text is blocked")
    t.equal(c.run(f"ip netns exec manual {LIFT}; {blocked}"), "", "until that is lifted")
    t.equal(hook(c, MANUAL)[0], 77, "once more there is nothing to do")


def check_record(record, since, t):
    stale = [line for line in record.of("esp") if line.words[0] == since.spi]
    fresh = [line for line in record.of("esp") if line.words[0] != since.spi]
    t.equal([line for line in record.of("ike") if line.words[:2] in since.ike], [],
            "no message of IKE leaves under its old SA")
    t.equal(record.of("plain"), [], "nothing leaves in plain text")
    t.ok(fresh and all(line.time < fresh[0].time for line in stale),
         "new keys are in use, and no old ones")
    answer = next(line for line in record.of("answer") if line.time > fresh[0].time)
    begin = record.lines[0].time
    last = stale[-1].time - begin if stale else 0
    say(f"packets under old keys: {len(stale)}, the last {last:.3f} s after the restore; traffic "
        f"flows again after {answer.time - begin:.1f} s")


def tunnel(kernel, name, t):
    daemon = ipsec.DAEMONS[name]
    t.note(name)
    debian = Prebuilt(kernel, daemon.packages, ipsec.preparer(daemon), daemon.beside)
    guid = new_guid()
    with debian.boot(guid) as g:
        t.equal((hook(g, GUARD)[0], hook(g, MANUAL)[0], "xfrm_user" in g.run("lsmod")), (77, 77, False),
                "where there is no IPsec the guard has nothing to do, and loads nothing")
        t.ok(f"{MANUAL} " in g.run("vmgenctl hooks list | grep disabled"),
             "that for SAs set by hand is disabled as shipped")
        ipsec.connect(g, daemon)
        g.wait_for("systemctl -q is-active vmgend")
        since = Since(g)
        snapshot = g.snapshot()
    check_without(snapshot, guid, daemon, since, t)
    first, second = (check_with(snapshot, daemon, since, by_hand, t)
                     for by_hand in (False, ALL))
    spis = [{spi for spi, _ in packets} - {since.spi} for packets in (first, second)]
    t.equal(spis[0] & spis[1], set(), "with the guard the two clones share no SPI")


def scenario(kernel, t):
    for name in ipsec.DAEMONS if ALL else ("charon-systemd",):
        tunnel(kernel, name, t)


if __name__ == "__main__":
    tap.main(scenario)
