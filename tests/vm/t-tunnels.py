#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The guard of WireGuard, for interfaces in each kind of network name space and with many peers: they
forget their session keys, and nothing else; killed at any moment it leaves a private key behind."""

import base64
import random
import re
import subprocess

from harness import drivers, kernel as kernels, tap
from harness.scenario import NOBODY, boot, new_guid, program, say, seed

PEERS = 1000
# And so many where it is run often: a computer that is emulated needs a while for each.
FEWER = 150
KILLS = 50
# The key that none becomes inside of Linux.
ZERO = base64.b64encode(bytes(31) + b"\x40").decode()
HOOK = "VMGEN_EVENT=changed 10-wireguard"
DRILL = "VMGEN_EVENT=test 10-wireguard"
PROGRAMS = ["10-wireguard", "30-wireguard", "vmgend", "vmgenctl", "/usr/bin/wg", "/usr/sbin/ip",
            "/usr/bin/nsenter", "/usr/bin/unshare"]
# As it is installed, without sanitizers.
GUARD = "/usr/lib/vmgen/hooks.d/10-wireguard"
# Who asks for a module is heard of.
SPY = "#!/bin/sh\necho \"$@\" >>/modules\nexit 1\n"
# {network name space: how to run a command there}: the own one, one with a name and no process, one
# of a user and without a name.
PLACES = {"": "", "blue": "/bin/nsenter --net=/run/netns/blue ", "user": "/bin/nsenter -n -t $(cat /user) "}
KILL = """
key=$(wg show many private-key) killed=0 i=0
while [ $i -lt %d ]; do
	i=$((i + 1))
	VMGEN_EVENT=changed %s >/dev/null &
	usleep $(($(od -An -N4 -tu4 /dev/urandom) %% %d))
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
	[ "$(wg show many private-key)" = "$key" ] || { echo "lost after $i"; exit 1; }
done 2>/dev/null
echo $killed
"""


def wg(command, content=""):
    return subprocess.run(["wg", command], input=content, check=True, capture_output=True,
                          text=True).stdout.strip()


def many(count):
    """The configuration of an interface with as many peers as a large site has, one of them with
    more addresses than are told at once."""
    more = "".join(f", fd01:{i:x}::/64" for i in range(1000))
    peers = [f"[Peer]\nPublicKey = {base64.b64encode(random.randbytes(32)).decode()}\n"
             f"PresharedKey = {base64.b64encode(random.randbytes(32)).decode()}\nEndpoint = [2001:db8::{i:x}]:7\n"
             f"AllowedIPs = 10.{i >> 8}.{i & 255}.0/24, fd00:{i:x}::/64{more if i == count // 2 else ''}\n" for i in range(count)]
    return f"[Interface]\nPrivateKey = {wg('genkey')}\nListenPort = 51900\nFwMark = 0x77\n" + "".join(peers)


def make_pair(g, place, number):
    """Two interfaces that say every second that they are there, so that one agrees on keys."""
    run = PLACES[place]
    keys = [wg("genkey"), wg("genkey")]
    for i, key in enumerate(keys):
        port, other = 51000 + 2 * number + i, 51000 + 2 * number + 1 - i
        g.run(f"echo '{key}' >/key; chmod 644 /key; {run}/bin/ip link add wg{number}{i} type wireguard; "
              f"{run}wg set wg{number}{i} private-key /key listen-port {port} peer "
              f"{wg('pubkey', keys[1 - i])} endpoint 127.0.0.1:{other} persistent-keepalive 1; "
              f"{run}/bin/ip link set lo up; {run}/bin/ip link set wg{number}{i} up")


def handshake(g, place):
    """When the latest was in a name space; 0 if one of its peers has had none."""
    found = g.run(f"{PLACES[place]}wg show all latest-handshakes").split("\n")
    return min(int(line.split("\t")[2]) for line in found if line.startswith("wg"))


def wait_for_handshake(g, place, after):
    g.wait_for(f"[ $({PLACES[place]}wg show all latest-handshakes | grep ^wg | cut -f 3 | sort -n | "
               f"head -n 1) -gt {after} ]")


def configuration(g, place):
    """All that is configured, and of the peers that nothing is heard of all that there is."""
    shown = g.run(f"{PLACES[place]}wg show all dump")
    steady = [line if line.startswith("many") else "\t".join(line.split("\t")[:5])
              for line in shown.splitlines()]
    names = g.run(f"{PLACES[place]}wg show interfaces").split()
    return steady, [g.run(f"{PLACES[place]}wg showconf {name}") for name in names]


def check_nothing(g, t):
    g.run("echo /spy >/proc/sys/kernel/modprobe")
    status, output = g.execute(HOOK)
    t.equal(status, 77, "without an interface it does not apply")
    t.equal(g.execute("test -e /modules")[0], 1, "and no module is asked for")
    t.note(output)
    g.run(drivers.LOAD)
    t.equal(g.execute(HOOK)[0], 77, "nor where there is the module alone")
    g.run("/bin/ip link add bare type wireguard")
    t.equal(g.execute(HOOK)[0], 77, "nor to an interface without a private key")
    g.run("/bin/ip link del bare")


def make(g):
    g.run(f"/bin/ip netns add blue; {NOBODY} /bin/unshare -rn sleep 10000 >/dev/null 2>&1 & echo $! >/user")
    g.wait_for("[ $(readlink /proc/$(cat /user)/ns/net) != $(readlink /proc/self/ns/net) ]")
    for number, place in enumerate(PLACES):
        make_pair(g, place, number)
    g.run("/bin/ip link add many type wireguard; wg setconf many /many; /bin/ip link set many up")
    for place in PLACES:
        wait_for_handshake(g, place, 0)


def check_drill(g, t):
    before = configuration(g, "")
    output = g.run(DRILL)
    t.ok("wg00 would forget its session keys" in output and
         "wg10 (network name space blue) would forget" in output and
         re.search(r"wg20 \(network name space of process \d+\) would forget", output),
         "a drill says what would forget its keys, and where")
    t.equal(configuration(g, ""), before, "and changes nothing")
    t.equal(g.execute(f"VMGEN_EVENT=boot-changed {HOOK.split()[1]}")[0], 77, "at a boot there are none")
    status, output = g.execute(f"VMGEN_EVENT=changed {NOBODY} 10-wireguard")
    t.ok(status == 1 and "needs root with CAP_NET_ADMIN" in output, "without rights it says so")


def check_forgotten(g, t, command):
    before = {place: configuration(g, place) for place in PLACES}
    # By the clock of the guest, in whole seconds.
    latest = {place: int(g.run("date +%s")) for place in PLACES}
    g.wait_for(f"[ $(date +%s) -gt {latest['']} ]")
    output = g.run(f"{command}; cat /proc/uptime")
    for place in PLACES:
        t.happens(f"{command}: new session keys in {place or 'the own'} name space",
                  wait_for_handshake, g, place, latest[place])
    t.equal({place: configuration(g, place) for place in PLACES}, before,
            "keys, peers, ports and marks are as they were")
    t.ok("many has forgotten" in output, "it names the interfaces")


def check_bad(g, t):
    g.run(f"echo '{ZERO}' >/zero; /bin/ip link add zero type wireguard; "
          f"wg set zero private-key /zero peer {wg('genkey')} allowed-ips 10.99.0.0/16")
    before = g.run("wg showconf zero")
    g.run(HOOK)
    t.equal(g.run("wg showconf zero"), before, "a key that is none inside of Linux stays")
    g.run("/bin/ip link del zero")
    pid = g.spawn("while :; do /bin/ip link add x0 type wireguard; wg set x0 private-key /key; "
                  "/bin/ip link del x0; done")
    found = {g.execute(HOOK)[0] for _ in range(10)}
    g.run(f"kill {pid}")
    t.equal(found, {0}, "interfaces that come and go are no failure")
    t.equal(g.run(f"( {HOOK} >/dev/null & {HOOK} >/dev/null; r=$?; wait $!; echo $r $?)").split(),
            ["0", "0"], "nor is another one at the same time")


def check_advice(g, t):
    """What the guard says is to be run if it could not do its work."""
    g.run("insmod /vmgenc.ko")
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")
    now = int(g.run("date +%s"))
    g.wait_for(f"[ $(date +%s) -gt {now} ]")
    g.run("vmgenctl hooks run --real 10-wireguard")
    t.happens("vmgenctl hooks run --real does the same", wait_for_handshake, g, "", now)


def check_killed(g, t):
    before = g.uptime()
    g.run(f"for i in $(seq 10); do VMGEN_EVENT=changed {GUARD} >/dev/null || exit; done")
    took = (g.uptime() - before) / 10
    say(f"the guard of WireGuard takes {took * 1000:.1f} ms with {FEWER} peers")
    killed = g.run(KILL % (KILLS, GUARD, took * 1e6 + 1000), timeout=300)
    t.ok(killed.strip().isdigit() and int(killed) > KILLS // 4,
         f"killed {killed.strip()} times in the middle of it, the private key is there each time")


def scenario(kernel, t):
    files = {**drivers.files(kernels.load(kernel), ("wireguard",)), "/many": many(PEERS),
             "/fewer": many(FEWER),
             "/spy": (SPY, 0o755)}
    files[GUARD] = (program("10-wireguard", sanitized=False).read_bytes(), 0o755)
    with boot(kernel, PROGRAMS, load=False, files=files, guid=new_guid()) as g:
        seed(g)
        check_nothing(g, t)
        make(g)
        check_drill(g, t)
        check_forgotten(g, t, HOOK)
        g.run("wg setconf many /fewer")
        check_forgotten(g, t, HOOK.replace("10", "30"))
        check_bad(g, t)
        check_killed(g, t)
        check_advice(g, t)


if __name__ == "__main__":
    tap.main(scenario)
