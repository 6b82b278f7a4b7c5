#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Two clones of one snapshot with an interface of MACsec whose keys were given by hand: without the
guard they encrypt different frames with one key and one packet number. With it nothing leaves after
it, also not in plain text, until there are other keys. Where wpa_supplicant agrees on keys (make
check-all) it does so again, without hands."""

import pathlib
import re
import struct
import time

from harness import capture, drivers, kernel as kernels, network, tap
from harness.machine import scratch
from harness.scenario import ALL, boot, new_guid, program, say, seed

SOURCE = pathlib.Path(__file__).parents[2] / "daemon/hooks"
PATH = scratch() / "wire"
PATIENCE = 120      # seconds
SETTINGS = "/etc/vmgen/hooks.conf.d/{}.conf"
GUARD, MANUAL, REPAIR = "10-macsec", "10-macsec-manual", "50-macsec"
MKA = ("/sbin/wpa_supplicant",)
IPROUTE = "/sbin/ip"
DRIVERS = ("virtio_pci", "virtio_net", "veth", "aes_generic", "ctr", "ghash_generic", "gcm", "macsec")
KEY, OTHER = "000102030405060708090a0b0c0d0e0f", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
# By its path: the shell of the guest has a command of that name built in.
IP = "/bin/ip"
# UDP, which gets lost where nobody takes it: a hub with nothing else on it would keep it back.
WIRE = "socket,id=net,udp=127.0.0.1:{},localaddr=127.0.0.1:{}"
CARD = "virtio-net-pci,netdev=net,mac=52:54:00:00:00:0{},romfile="
PEER = "10.9.0.2"
ADDRESS = bytes.fromhex("525400000001")
MACSEC = b"\x88\xe5"
# After the addresses: EtherType, flags and association number, length, packet number; and the
# sender's name, where a flag says so.
TAG, NAMED, NAME_SIZE, ICV = struct.Struct("!2sBBI"), 0x20, 8, 16
# What is encrypted, before what a program has sent: EtherType, IPv4 and UDP.
INSIDE = 2 + 28
TEXT, COUNT, MANY = 64, 10, 100
# More than Linux has room for in one answer.
SENDERS = 300
# Who has the lower priority makes the keys.
OTHERS = 100
AGREED = """eapol_version=3
ap_scan=0
network={{
	key_mgmt=NONE
	eapol_flags=0
	macsec_policy=1
	mka_cak=0123456789abcdef0123456789abcdef
	mka_ckn=6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435
	mka_priority={}
}}
"""
CONFIGURE = f"""set -e
{IP} link set eth0 up
{IP} link add link eth0 macsec0 type macsec encrypt on
{IP} macsec add macsec0 tx sa 0 pn 1 on key 01 {KEY}
{IP} addr add 10.9.0.1/24 dev macsec0
{IP} link set macsec0 up
{IP} neigh add {PEER} lladdr 52:54:00:00:00:02 dev macsec0
{IP} netns add blue
{IP} -n blue link add v0 type veth peer name v1
{IP} -n blue link add link v0 blue0 type macsec encrypt on
{IP} -n blue macsec add blue0 tx sa 0 pn 1 on key 01 {KEY}
"""


def said(number):
    return f"clone {number} says what nobody else shall read".ljust(TEXT - 1, ".")


def frames():
    content = PATH.read_bytes()
    return [frame for _, frame in capture.frames(content[capture.FILE_HEADER:])]


def protected():
    """{(sender, association number, packet number): what is encrypted} of the recording."""
    found = {}
    for frame in frames():
        kind, flags, _, number = TAG.unpack_from(frame, 12)
        if kind == MACSEC:
            assert flags & NAMED, "the sender is not named"
            at = 12 + TAG.size + NAME_SIZE
            found[frame[at - NAME_SIZE:at], flags & 3, number] = frame[at:-ICV]
    return found


def await_protected(count):
    deadline = time.monotonic() + PATIENCE
    while len(found := protected()) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(found)} frames are protected, not {count}")
        time.sleep(0.05)
    return found


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def site(kernel, number=1, configuration=CONFIGURE, guid=None, files=None):
    """A guest whose network card is recorded, with MACsec on it."""
    network.isolate()
    hooks = {f"/etc/vmgen/hooks.d/{name}": (program(name, False).read_bytes(), 0o755)
             for name in (GUARD, MANUAL, REPAIR)}
    settings = {SETTINGS.format(name): (SOURCE / f"{name}.conf").read_bytes()
                for name in (GUARD, MANUAL)}
    g = boot(kernel, ["vmgend", "vmgenctl", "chatter", GUARD, IPROUTE, *(() if not files else MKA)],
             sanitized=False, load=guid is not None, guid=guid,
             netdevs=(WIRE.format(3 - number, number),), devices=(CARD.format(number),),
             objects=(capture.to(PATH if number == 1 else PATH.with_suffix(".peer")),),
             files={**drivers.files(kernels.load(kernel), DRIVERS), **hooks, **settings,
                    **(files or {})})
    try:
        seed(g)
        g.run(drivers.LOAD)
        g.run(configuration)
    except BaseException:
        g.close()
        raise
    return g


def speak(c, number, text=None):
    c.run(f"chatter {PEER} {COUNT} '{text or said(number)}'")


def keys(g):
    """How many keys there are to send with, here and elsewhere."""
    return [g.run(f"{IP} {of} macsec show").count("state on") for of in ("", "-n blue")]


def dropped(g):
    return int(g.run("cat /sys/class/net/macsec0/statistics/tx_dropped"))


def guard(g, name, event):
    return g.execute(f"VMGEN_EVENT={event} /etc/vmgen/hooks.d/{name}")


def check_by_hand(g, t):
    """What the guard says of keys by hand, and what a drill of the hook for them does."""
    left = "its keys, which nothing replaces, are left to 10-macsec-manual\n"
    status, output = guard(g, GUARD, "changed")
    t.ok(status == 77 and output.startswith(f"macsec0: {left}blue0, network name space blue: {left}"),
         "keys that were given by hand are left to a hook of their own")
    t.ok(re.search(f"^{MANUAL} .*disabled", g.run("vmgenctl hooks list"), re.M),
         "which is disabled as shipped")
    g.run(f"sed -i 's/^enabled = no/enabled = yes/' {SETTINGS.format(MANUAL)}")
    t.equal(guard(g, MANUAL, "test"), (0, "macsec0: would delete its keys\n"
            "blue0, network name space blue: would delete its keys\n"), "a drill says what it would do")
    for name in (GUARD, MANUAL):
        t.equal(guard(g, name, "boot-changed"), (77, ""), "at other events there is nothing to do")
    t.equal(guard(g, REPAIR, "changed"), (77, ""), "there is no daemon to be started anew")
    t.equal(keys(g), [1, 1], "all keys are still there")


def check_untold(g, t):
    """An interface that does not fit into what the kernel tells at a time ends its list."""
    g.run(f"{IP} link add link eth0 many0 type macsec port 2 encrypt on; "
          f"{IP} macsec add many0 tx sa 0 pn 1 on key 01 {KEY}")
    g.run(f"i=0; while [ $i -lt {SENDERS} ]; do i=$((i + 1)); "
          f"echo macsec add many0 rx port $i address 52:54:00:00:00:09; done | {IP} -batch -")
    t.ok("many0" not in g.run(f"{IP} macsec show"), "the kernel does not tell of one with many senders")
    status, output = guard(g, GUARD, "changed")
    t.ok(status == 1 and "many0: it has so many senders" in output and
         output.count("to stop it: ip link set many0 down\n") == 1, "the guard names it and fails")
    t.equal(guard(g, MANUAL, "test")[0], 0, "the hook for keys by hand would delete its keys")
    t.equal(guard(g, MANUAL, "changed")[0], 0, "and does")
    t.ok(g.execute(f"{IP} macsec del many0 tx sa 0")[0], "there is none any more")
    g.run(f"{IP} link del many0")


def check_unguarded(kernel, snapshot, t):
    found = []
    for number in (1, 2):
        with snapshot.clone(guid=new_guid()) as c:
            speak(c, number)
            found.append(await_protected(COUNT))
            if number == 2:
                check_untold(c, t)
    twice = [n for n in found[0] if n in found[1] and found[0][n] != found[1][n]]
    t.ok(twice, "no guard: different frames are encrypted with one key and packet number")
    t.ok(xor(said(1).encode(), said(2).encode()) in
         {xor(found[0][n], found[1][n])[INSIDE:INSIDE + TEXT - 1] for n in twice},
         "who listens has the XOR of what they said")
    say(f"{kernel}: no guard: packet numbers of both clones: " +
        " ".join(str(n) for _, _, n in sorted(twice)))


def check_guarded(kernel, snapshot, number, t):
    """Returns what it has sent."""
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("grep -q 'is handled (changed)' /run/vmgend.log")
        t.equal(keys(c), [0, 0], f"clone {number}: the guard has deleted the keys, elsewhere too")
        before = dropped(c)
        found = protected()
        speak(c, number)
        t.ok(dropped(c) >= before + COUNT, "what is sent afterwards is dropped")
        t.equal(len(protected()), len(found), "nothing leaves with the old key")
        t.ok(not any(said(number).encode() in frame for frame in frames()),
             "nor in plain text")
        if number == 1:
            check_again(c, t)
        return found


def check_again(c, t):
    text = c.run("cat /run/vmgend.log")
    remedy = "ip macsec add macsec0 tx sa 0 pn 1 on key"
    t.ok(f"{remedy} ID KEY" in text, "the log says how to give it others")
    t.equal([guard(c, name, "changed")[0] for name in (GUARD, MANUAL)], [77, 77],
            "a second time there is nothing to do")
    c.run("killall chatter")
    before = len(protected())
    c.run(f"/bin/{remedy} 02 {OTHER}")
    speak(c, 1)
    t.happens("with others it sends again", await_protected, before + COUNT)


# ---- keys that a daemon agrees on --------------------------------------------------------------


def names(g):
    """How its keys are called."""
    return set(re.findall("key ([0-9a-f]+)", g.run(f"{IP} macsec show")))


def end(kernel, number, priority, guid=None):
    return site(kernel, number, f"ln -s /bin/wpa_supplicant /sbin; {IP} link set eth0 up", guid,
                {"/wpa.conf": AGREED.format(priority)})


def connect(guests):
    for g in guests:
        g.spawn("exec wpa_supplicant -D macsec_linux -i eth0 -c /wpa.conf")
    for number, g in enumerate(guests, 1):
        g.wait_for(f"{IP} macsec show | grep -q 'state on'")
        g.run(f"{IP} addr add 10.9.0.{number}/24 dev macsec0")
    guests[0].spawn(f"exec ping {PEER}")
    check_flow(guests[0])


def check_flow(g):
    g.wait_for(f"ping -c 1 -W 1 {PEER} >/dev/null")


def check_agreed(kernel, priority, t):
    what = "makes the keys" if priority < OTHERS else "gets the keys"
    with end(kernel, 2, OTHERS) as p, end(kernel, 1, priority, new_guid()) as g:
        connect([g, p])
        g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
        g.wait_for("vmgenctl wait --settled")
        old = names(g)
        original, peer = g.snapshot(), p.snapshot()
    found = [check_anew(what, original, peer, old, t) for _ in (1, 2)]
    if priority < OTHERS:   # else the clones of the other end, which has no device, make them
        texts = [set(each) for each, _ in found]
        t.ok(min(map(len, texts)) == MANY and not texts[0] & texts[1],
             f"{what}: two clones make different ones")
    say(f"{kernel}: {what}: traffic flows again after " +
        " and ".join(f"{seconds:.1f} s" for _, seconds in found))


def own():
    """The packet numbers of what it has sent protected."""
    return [TAG.unpack_from(frame, 12)[3] for frame in frames()
            if frame[6:12] == ADDRESS and frame[12:14] == MACSEC]


def same_text():
    """The encrypted texts: under one key each number has its own, whoever sends it."""
    deadline = time.monotonic() + PATIENCE
    while len(found := [content[INSIDE:INSIDE + TEXT - 1] for content in protected().values()
                        if len(content) == INSIDE + TEXT]) < MANY:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(found)} texts are sent, not {MANY}")
        time.sleep(0.05)
    return found


def check_anew(what, original, peer, old, t):
    """Returns what it has sent with its new key, of the same text, and how long that took."""
    began = time.monotonic()
    with peer.clone(), original.clone(guid=new_guid()) as c:
        c.wait_for("grep -q 'is handled (changed)' /run/vmgend.log")
        check_flow(c)
        took = time.monotonic() - began
        t.ok("50-macsec: succeeded" in c.run("cat /run/vmgend.log"), f"{what}: it agrees anew")
        new = names(c)
        t.ok(new and not new & old, "on other keys")
        numbers = own()
        first = numbers.index(1)
        t.equal([numbers[:first], numbers[first:]], [sorted(set(numbers[:first])),
                                                     sorted(set(numbers[first:]))],
                "once it sends with the new key, it does with no other")
        t.ok(not any(frame[12:14] == capture.IPV4 for frame in frames()),
             "nothing leaves in plain text")
        c.run(f"chatter {PEER} {MANY} '{said(0)}'")
        found = same_text()
        check_goes_on(c, what, t)
        return found, took


def check_goes_on(c, what, t):
    """One of WiFi is not stopped, and none stays so."""
    state = "cut -d ' ' -f 3 /proc/{}/stat"
    agrees = c.run("pidof wpa_supplicant").strip()
    c.spawn("exec wpa_supplicant -D none -g /run/wifi")
    c.wait_for("[ -S /run/wifi ]")
    wifi, = set(c.run("pidof wpa_supplicant").split()) - {agrees}
    guard(c, GUARD, "changed")
    c.wait_for(f"[ $({state.format(agrees)}) = T ]")
    t.ok(c.run(state.format(wifi)).strip() != "T", f"{what}: the guard stops no other wpa_supplicant")
    c.run(f"{IP} link del macsec0")
    t.equal(c.execute(f"vmgenctl hooks run {REPAIR} --real")[0], 0, "the other hook succeeds")
    t.ok("wpa_supplicant continues" in c.run("cat /run/vmgend.log"), "without its interface it goes on")
    t.ok(c.run(state.format(agrees)).strip() != "T", "and is not stopped any more")


def scenario(kernel, t):
    if ALL:
        for priority in (OTHERS - 1, OTHERS + 1):
            check_agreed(kernel, priority, t)
    with site(kernel, guid=new_guid()) as g:
        bare = g.save("bare")
        g.resume()
        check_by_hand(g, t)
        g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
        g.wait_for("vmgenctl wait --settled")
        g.spawn(f"exec chatter {PEER}")
        await_protected(COUNT)
        guarded = g.save("guarded")
    check_unguarded(kernel, bare, t)
    found = [check_guarded(kernel, guarded, number, t) for number in (1, 2)]
    twice = [n for n in found[0] if n in found[1] and found[0][n] != found[1][n]]
    say(f"{kernel}: the guard: frames with the old key after the restore: {len(found[0])} and "
        f"{len(found[1])}; one packet number for different frames: {len(twice)}")


if __name__ == "__main__":
    tap.main(scenario)
