#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Two clones of one snapshot with an interface of MACsec whose keys were given by hand: without the
guard they encrypt different frames with one key and one packet number. With it nothing leaves after
it, also not in plain text, until there are other keys."""

import pathlib
import struct
import time

from harness import capture, drivers, kernel as kernels, network, tap
from harness.machine import scratch
from harness.scenario import boot, new_guid, program, say, seed

SOURCE = pathlib.Path(__file__).parents[2] / "daemon/hooks"
PATH = scratch() / "wire"
PATIENCE = 120      # seconds
GUARD, REPAIR = "10-macsec", "50-macsec"
MANUAL = "/etc/vmgen/forget-manual-keys"
DRIVERS = ("virtio_pci", "virtio_net", "veth", "aes_generic", "ctr", "ghash_generic", "gcm", "macsec")
KEY, OTHER = "000102030405060708090a0b0c0d0e0f", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
# By its path: the shell of the guest has a command of that name built in.
IP = "/bin/ip"
# UDP, which nobody takes there: a hub with nothing else on it would keep it back.
WIRE = "socket,id=net,udp=127.0.0.1:1,localaddr=127.0.0.1:2"
CARD = "virtio-net-pci,netdev=net,mac=52:54:00:00:00:01,romfile="
PEER = "10.9.0.2"
MACSEC = b"\x88\xe5"
# After the addresses: EtherType, flags and association number, length, packet number; and the
# sender's name, where a flag says so.
TAG, NAMED, NAME_SIZE, ICV = struct.Struct("!2sBBI"), 0x20, 8, 16
# What is encrypted, before what a program has sent: EtherType, IPv4 and UDP.
INSIDE = 2 + 28
TEXT, COUNT = 64, 10
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


def site(kernel):
    """A guest whose network card is recorded, with MACsec on it, and with some elsewhere."""
    network.isolate()
    hooks = {f"/etc/vmgen/hooks.d/{name}": (program(name, False).read_bytes(), 0o755)
             for name in (GUARD, REPAIR)}
    settings = {f"/etc/vmgen/hooks.conf.d/{GUARD}.conf": (SOURCE / f"{GUARD}.conf").read_bytes()}
    g = boot(kernel, ["vmgend", "vmgenctl", "chatter", GUARD, "/sbin/ip"], sanitized=False,
             guid=new_guid(), netdevs=(WIRE,), devices=(CARD,), objects=(capture.to(PATH),),
             files={**drivers.files(kernels.load(kernel), DRIVERS), **hooks, **settings})
    try:
        seed(g)
        g.run(drivers.LOAD)
        g.run(CONFIGURE)
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
    """What the guard does that is not told to forget keys by hand, and what a drill does."""
    status, output = guard(g, GUARD, "changed")
    t.ok(status == 1 and output.endswith(f": 2; they stay in use unless there is {MANUAL}\n"),
         "as shipped keys that were given by hand stay in use, which is a failure")
    g.run(f"touch {MANUAL}")
    t.equal(guard(g, GUARD, "test"), (0, "macsec0: would delete its keys\n"
            "blue0, network name space blue: would delete its keys\n"), "a drill says what it would do")
    t.equal(guard(g, GUARD, "boot-changed"), (77, ""), "at other events there is nothing to do")
    t.equal(guard(g, REPAIR, "changed"), (77, ""), "there is no daemon to be started anew")
    t.equal(keys(g), [1, 1], "all keys are still there")


def check_unguarded(kernel, snapshot, t):
    found = []
    for number in (1, 2):
        with snapshot.clone(guid=new_guid()) as c:
            speak(c, number)
            found.append(await_protected(COUNT))
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
    t.equal(guard(c, GUARD, "changed")[0], 77, "a second time there is nothing to do")
    c.run("killall chatter")
    before = len(protected())
    c.run(f"/bin/{remedy} 02 {OTHER}")
    speak(c, 1)
    await_protected(before + COUNT)
    t.ok(True, "with others it sends again")


def scenario(kernel, t):
    with site(kernel) as g:
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
