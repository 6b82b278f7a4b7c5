#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Without 10-connections a clone goes on in the connections of its original, under the same keys
and counters; with it not one segment leaves, and the original's connections go on.

The peer is outside of the guests, and the same for each of them.
"""

from harness import drivers, kernel as kernels, tap
from harness.scenario import boot, new_guid, say
from harness.station import CONFIGURE, DEVICES, DRIVERS, PEER, RST, Station

# What the guests cannot load for themselves, in an order in which each finds what it needs.
MODULES = (*DRIVERS, "crc32c_generic", "nf_tables", "tcp_diag", "aes_generic", "ghash_generic",
           "ctr", "gcm", "tls")
HOOK = "10-connections"
SETTINGS = f"/etc/vmgen/hooks.conf.d/{HOOK}.conf"
FILES = {
    "/etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\n",
    "/etc/vmgen/kept-connections": f"peer {PEER[4]}/32 peer-port 5001\n",
    SETTINGS: "[hook]\nenabled = no\n",
}
PLAIN, PLAIN6, KTLS, PORT = "plain", "plain6", "ktls", "port"
KEPT, LOCAL = "kept", "local"
# {name: arguments of talker}; Debian's 5.10 has no kTLS.
TALKERS = {
    PLAIN: f"{PEER[4]} 5000",
    PLAIN6: f"{PEER[6]} 5000",
    KTLS: f"{PEER[4]} 5443 ktls",
    PORT: f"{PEER[4]} 2049 890",    # as a client of NFS, which has a port of its own
    KEPT: f"{PEER[4]} 5001",
    LOCAL: "127.0.0.1 7000",
}
ENDED = (PLAIN, PLAIN6, KTLS, PORT)
# A record of TLS: its header, and the part of the nonce that counts.
HEADER, NONCE = 5, 8


def is_of(name, segment):
    address, port = TALKERS[name].split()[:2]
    return segment.peer_port == int(port) and address == PEER[segment.version]


def of(names, segments):
    return [s for s in segments if any(is_of(name, s) for name in names)]


def end_of(line, name):
    return next(c for c in line.connections() if is_of(name, c))


def goes_on(line, name):
    """Does the guest send in it from now on?"""
    before = len(of([name], line.segments()))
    return line.wait_for(lambda seen: len(of([name], seen)) > before + 5)


def has_ktls(kernel):
    return bool(drivers.find_module(kernels.load(kernel), "tls"))


def records(line):
    """{nonce: ciphertext} of what the kernel encrypted, each in a segment of its own."""
    return {s.data[HEADER:HEADER + NONCE]: s.data[HEADER + NONCE:]
            for s in of([KTLS], line.segments()) if s.data}


def places(line):
    """{where in a connection: what was sent there}, which is all that there is without kTLS."""
    return {s.sequence: s.data for s in of([PLAIN], line.segments()) if s.data}


def start(kernel, g, line):
    g.run(drivers.LOAD)
    g.run(CONFIGURE)
    g.run(f"mkdir -p /usr/lib/vmgen/hooks.d && cp /bin/{HOOK} /usr/lib/vmgen/hooks.d && "
          "ip link set lo up")
    g.spawn("while :; do nc -l -p 7000 >/tmp/heard; done")
    g.wait_for("netstat -ltn | grep -q :7000")
    for name, arguments in TALKERS.items():
        if not has_ktls(kernel):
            arguments = arguments.replace(" ktls", "")
        g.spawn(f"exec talker /tmp/{name} {arguments}")
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")
    return all(goes_on(line, name) for name in TALKERS if name != LOCAL)


def grows(g, path):
    g.run(f"a=$(wc -c <{path}); until [ $(wc -c <{path}) -gt $a ]; do sleep 0.1; done")
    return True


def log(g):
    return g.run("cat /run/vmgend.log")


def check_without(kernel, original, snapshot, station, ends, t):
    what, look = ("nonce", records) if has_ktls(kernel) else ("sequence number", places)
    with snapshot.clone(guid=new_guid()) as c:
        line = station.line(ends)
        c.run("vmgenctl wait --settled 1")
        t.ok(all(goes_on(line, name) for name in ENDED), "without the guard a clone goes on")
        t.ok(all(goes_on(original, name) for name in ENDED), "so does its original")
        one, two = look(original), look(line)
        twice = [n for n in one.keys() & two.keys() if one[n] != two[n]]
        t.ok(twice, f"under the same key both send other bytes with the same {what}")
        say(f"{kernel}: without the guard used twice, with other bytes: {len(twice)} {what}s")


def count(kernel):
    return f"4 TCP connections, {int(has_ktls(kernel))} of them with keys in the kernel (kTLS)"


def check_drill(kernel, g, line, t):
    status, output = g.execute(f"vmgenctl hooks run {HOOK}")
    said = log(g)
    t.equal(status, 0, "a drill succeeds")
    t.ok(f"would end {count(kernel)}" in said and
         "would end 10.9.0.1:" in said and "would end [fd09::1]:" in said,
         "it says what it would end, and where to")
    t.ok("1 TCP connections stay" in said, "and what it would leave")
    if status:
        t.note(output + said)
    t.ok(all(goes_on(line, name) for name in TALKERS if name != LOCAL), "and changes nothing")


def check_with(kernel, original, snapshot, station, ends, number, t):
    with snapshot.clone(guid=new_guid()) as c:
        line = station.line(ends)
        c.run("vmgenctl wait --settled 1")
        said = log(c)
        for name in ENDED:
            t.equal(c.run(f"cat /tmp/{name}").strip(), "send: ECONNABORTED",
                    f"clone {number}: {name}: the process gets ECONNABORTED")
        t.ok(f"ended {count(kernel)}" in said,
             f"clone {number}: the guard says what it ended")
        before = len(line.segments())
        for name in ENDED:
            line.say(end_of(line, name), b"are you there?")
        # It comes after the answers to those, if there are any.
        t.ok(goes_on(line, KEPT), f"clone {number}: the exception goes on")
        after = of(ENDED, line.segments()[before:])
        t.equal(after, [], f"clone {number}: nothing of it is sent, also when the peer asks")
        every = line.segments()
        t.equal(resets(line), [], f"clone {number}: not one RST leaves")
        t.ok(grows(c, "/tmp/heard"), f"clone {number}: the connection within the machine goes on")
        t.ok(all(goes_on(original, name) for name in ENDED),
             f"clone {number}: the original's connections go on")
        say(f"{kernel}: segments of clone {number} before its guard: {len(of(ENDED, every))}")
        if number == 1:
            check_after(c, line, t)


def resets(line):
    return [s for s in line.segments() if s.flags & RST]


def check_anew(c, line, t):
    """The peer still has the old connection, and gives it up only for an RST."""
    before = len(line.segments())
    c.spawn(f"exec talker /tmp/anew {TALKERS[PORT]}")
    t.ok(line.wait_for(lambda seen: any(s.data for s in of([PORT], seen[before:]))),
         "from the same port a new connection is possible")
    sent = resets(line)
    t.ok(sent and sent == of([PORT], sent), "for which the old one is reset, and no other")
    c.run("vmgenctl trigger --real")
    t.equal(c.run("cat /tmp/anew").strip(), "send: ECONNABORTED", "another run ends that as well")
    t.ok(goes_on(line, KEPT), "but not the exception")
    t.equal(resets(line), sent, "without an RST")


def check_after(c, line, t):
    """What is made after the guard has looked is new; guards may run twice."""
    c.spawn(f"exec talker /tmp/new {TALKERS[PLAIN]}")
    old = end_of(line, PLAIN).port
    t.ok(line.wait_for(lambda seen: any(s.data and s.port != old for s in of([PLAIN], seen))),
         "a new connection is possible")
    c.run("vmgenctl trigger --real")
    t.equal(c.run("cat /tmp/new").strip(), "send: ECONNABORTED", "another run ends that as well")
    t.ok(goes_on(line, KEPT), "but not the exception")
    t.equal(resets(line), [], "and there is no RST either")
    check_anew(c, line, t)


def scenario(kernel, t):
    station = Station()
    files = {**FILES, **drivers.files(kernels.load(kernel), MODULES)}
    with boot(kernel, ["vmgend", "vmgenctl", HOOK, "talker"], guid=new_guid(), files=files,
              devices=DEVICES, netdevs=(station.netdev,)) as g:
        original = station.line()
        t.ok(start(kernel, g, original), "six connections are in use")
        snapshot = g.save("without")
        ends = original.connections()
        g.resume()
        check_without(kernel, original, snapshot, station, ends, t)
        g.run(f"printf '[hook]\\nenabled = yes\\nstandby = yes\\n' >{SETTINGS}")
        check_drill(kernel, g, original, t)
        g.wait_for(f"pidof {HOOK}")     # it stands by
        snapshot = g.save("with")
        ends = original.connections()
        g.resume()
        for number in 1, 2:
            check_with(kernel, original, snapshot, station, ends, number, t)


if __name__ == "__main__":
    tap.main(scenario)
