# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A tunnel of WireGuard between two guests, whose network cards a wire of the host's connects; what
passes there is recorded. The source is the one that is cloned; the peer has no device and never
the same snapshot. A clone takes the place of its original on the wire, one at a time.

    wire = tunnel.Tunnel(kernel)
    with wire.boot_peer() as p, wire.boot(guid=GUID) as g:
        wire.connect(g)
        original = wire.save(g, "original")
        peer = p.save("peer")
    with wire.clone(original, peer) as c:
        wire.check(c)
"""

import contextlib
import dataclasses
import pathlib
import subprocess
import time

from harness import capture, drivers, kernel as kernels, network
from harness.guest import Snapshot
from harness.machine import scratch
from harness.scenario import WITHOUT_INTREE, boot, new_guid, seed

DRIVERS = ("virtio_pci", "virtio_net", "wireguard")
PORT = 51820
PATIENCE = 120      # seconds
# Packets by which a busy sender is under way.
MANY = 1000
# A peer that never answers, and has all that can be configured.
SILENT = ("preshared-key /silent endpoint [2001:db8::7]:7 persistent-keepalive 21 "
          "allowed-ips 10.9.7.0/24,fd00:7::/64")
# What WireGuard agreed on is gone once the private key was another.
FORGET = "wg set wg0 private-key /dev/null; wg set wg0 private-key /key"

SOURCES = pathlib.Path(__file__).parents[3] / "daemon/hooks"
HOOKS_DIR = "/usr/lib/vmgen/hooks.d"
GUARDS = ("10-wireguard", "30-wireguard")
HOOKS = {f"{HOOKS_DIR}/20-clock": ((SOURCES / "20-clock").read_text("ascii"), 0o755),
         "/etc/vmgen/hooks.conf.d/10-wireguard.conf":
             (SOURCES / "10-wireguard.conf").read_text("ascii"),
         "/usr/libexec/vmgen/clock": ("#!/bin/sh\nexec /bin/clock\n", 0o755)}


def wg(command, content=""):
    return subprocess.run(["wg", command], input=content, check=True, capture_output=True,
                          text=True).stdout.strip()


@dataclasses.dataclass
class End:
    number: int         # of 1 and 2
    key: str = dataclasses.field(default_factory=lambda: wg("genkey"))

    def __post_init__(self):
        self.public = wg("pubkey", self.key)
        self.outside, self.inside = f"192.0.2.{self.number}", f"10.9.0.{self.number}"
        self.path = scratch() / f"wire-{self.number}"
        self.begin()

    def begin(self):
        """Another guest takes this place."""
        self.recording = capture.Recording(self.path)

    def boot(self, kernel, programs=(), files=None, **machine):
        found = {**drivers.files(kernels.load(kernel), DRIVERS), "/key": self.key,
                 "/silent": wg("genpsk"), **(files or {})}
        network.isolate()
        # UDP: it loses what the other one is too slow for, and waits for nobody.
        wire = f"udp=127.0.0.1:{3 - self.number},localaddr=127.0.0.1:{self.number}"
        card = f"virtio-net-pci,netdev=net,mac=52:54:00:00:00:0{self.number},romfile="
        guest = boot(kernel, ["/usr/bin/wg", "chatter", *programs], load=False, sanitized=False,
                     files=found, netdevs=(f"socket,id=net,{wire}",), devices=(card,),
                     objects=(capture.to(self.path),), **machine)
        try:
            seed(guest)
            guest.run(f"{drivers.LOAD}; ip link set eth0 up; "
                      f"ip addr add {self.outside}/24 dev eth0")
        except BaseException:
            guest.close()
            raise
        return guest

    def connect(self, guest, other):
        guest.run("ip link add wg0 type wireguard; "
                  f"wg set wg0 private-key /key listen-port {PORT} peer {other.public} "
                  f"allowed-ips {other.inside}/32 endpoint {other.outside}:{PORT} "
                  f"peer {wg('pubkey', wg('genkey'))} {SILENT}; "
                  f"ip addr add {self.inside}/24 dev wg0; ip link set wg0 up")

    def sent(self):
        """What this end has sent, as far as it is recorded."""
        return [m for m in self.recording.messages() if m.sender == self.outside]

    def data(self):
        return [m for m in self.sent() if m.type == capture.DATA]

    def sessions(self):
        """The index of each session that it has sent in."""
        return {m.index for m in self.data()}

    def await_data(self, count, without=()):
        """Wait until it has sent so many packets, those of sessions aside; returns them."""
        deadline = time.monotonic() + PATIENCE
        while len(found := [m for m in self.data() if m.index not in without]) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.outside} has sent {len(found)} packets, not {count}")
            time.sleep(0.05)
        return found

    def await_other(self, sessions):
        """Wait until it sends in another session than those; returns its first packet there."""
        return self.await_data(1, sessions)[0]


def go_on(guest, other):
    """Resume a guest. QEMU now and then leaves the card of one asleep that was saved while much was
    on its way, until it is resumed again."""
    deadline = time.monotonic() + PATIENCE
    guest.resume()
    while guest.execute(f"ping -c 1 -w 5 {other.outside} >/dev/null")[0]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{other.outside} is not reached any more")
        print("# a card is asleep after a snapshot; resumed once more", flush=True)
        guest.pause()
        guest.resume()


@dataclasses.dataclass
class Original:
    """A snapshot of the source, and the index of the session that its clones go on with."""
    snapshot: Snapshot
    session: int


class Tunnel:
    def __init__(self, kernel):
        self.kernel = kernel
        # Linux has a notifier of its own for WireGuard.
        self.intree = kernel not in WITHOUT_INTREE
        self.source, self.peer = End(1), End(2)

    def boot_peer(self):
        guest = self.peer.boot(self.kernel)
        self.peer.connect(guest, self.source)
        return guest

    def boot(self, **machine):
        """The source, with hooks and without the module; keywords as in boot() of scenario.py."""
        self.source.begin()
        guest = self.source.boot(self.kernel, ["vmgend", "vmgenctl", "clock", *GUARDS], HOOKS,
                                 **machine)
        guest.run(f"cd /bin && cp {' '.join(GUARDS)} {HOOKS_DIR}")
        return guest

    def connect(self, g):
        self.source.connect(g, self.peer)
        self.check(g)

    def check(self, g):
        """The tunnel works in both directions."""
        g.wait_for(f"ping -c 1 -W 1 {self.peer.inside} >/dev/null")

    def chatter(self, g):
        """Have a busy sender in a guest from now on."""
        g.spawn(f"exec chatter {self.peer.inside}")
        self.source.await_data(len(self.source.data()) + MANY)

    def save(self, g, name):
        """A snapshot of the guest, which goes on."""
        snapshot = g.save(name)
        session = self.source.data()[-1].index
        go_on(g, self.peer)
        return Original(snapshot, session)

    def later(self, p):
        """The peer begins another session, and hears nothing of the source's clock."""
        before = self.source.sessions()
        p.run(FORGET)
        p.wait_for(f"ping -c 1 -W 1 {self.source.inside} >/dev/null")
        self.source.await_other(before)

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

    def await_other(self, original):
        """Wait until a clone sends in a session of its own; returns its first packet there."""
        return self.source.await_other({original.session})

    def old(self, original):
        """What a clone has sent in the session of its original."""
        return [m for m in self.source.data() if m.index == original.session]


def start(g):
    """vmgend, with the priority of its unit; its guards stand by when this returns."""
    g.spawn("exec sh -c 'renice -n -10 -p $$; exec vmgend' >>/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def twice(found, session):
    """[(a, b)] of different data that two clones have encrypted in one session by one counter."""
    first, second = ({m.counter: m for m in messages if m.index == session} for messages in found)
    return [(first[n], second[n]) for n in sorted(first.keys() & second.keys())
            if first[n].content != second[n].content]


def own(found):
    """How many packets of each clone no other one has sent; the rest is of before the snapshot."""
    sets = [{(m.counter, m.content) for m in messages} for messages in found]
    return [len(each.difference(*sets[:i], *sets[i + 1:])) for i, each in enumerate(sets)]


def duration(messages):
    """Milliseconds from the first to the last, by the time of the guest."""
    return 1000 * (messages[-1].time - messages[0].time) if messages else 0


def configuration(guest):
    """What wg shows, without the bytes that each peer has got and sent."""
    lines = [line.split("\t") for line in guest.run("wg show wg0 dump").splitlines()]
    return [lines[0], *(line[:5] + line[7:] for line in lines[1:])]
