# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A tunnel of WireGuard between two guests, whose network cards a wire of the host's connects; what
passes there is recorded. The source is the one that is cloned; the peer has no device and never
the same snapshot. A clone takes the place of its original on the wire, one at a time.

    source, peer = tunnel.ends()
    with peer.boot(kernel, load=False) as p, source.boot(kernel, guid=GUID) as g:
        peer.connect(p, source)
        source.connect(g, peer)
"""

import dataclasses
import subprocess
import time

from harness import capture, drivers, kernel as kernels, network
from harness.machine import scratch
from harness.scenario import boot, seed

DRIVERS = ("virtio_pci", "virtio_net", "wireguard")
PORT = 51820
PATIENCE = 120      # seconds
# A peer that never answers, and has all that can be configured.
SILENT = ("preshared-key /silent endpoint [2001:db8::7]:7 persistent-keepalive 21 "
          "allowed-ips 10.9.7.0/24,fd00:7::/64")
# Session keys of WireGuard are gone once the private key was another, but two commands are two
# chances to be killed between.
FORGET = "wg set wg0 private-key /dev/null; wg set wg0 private-key /key"


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
        """A guest that is on the wire; keywords as in boot() of scenario.py."""
        found = {**drivers.files(kernels.load(kernel), DRIVERS), "/key": self.key,
                 "/silent": wg("genpsk"), **(files or {})}
        network.isolate()
        # UDP: it loses what the other one is too slow for, and waits for nobody.
        wire = f"udp=127.0.0.1:{3 - self.number},localaddr=127.0.0.1:{self.number}"
        card = f"virtio-net-pci,netdev=net,mac=52:54:00:00:00:0{self.number},romfile="
        guest = boot(kernel, ["/usr/bin/wg", "chatter", *programs], sanitized=False, files=found,
                     netdevs=(f"socket,id=net,{wire}",), devices=(card,),
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

    def session(self):
        """The index of the session that it sends in."""
        return self.data()[-1].index

    def await_data(self, count, without=None):
        """Wait until it has sent so many packets, those of a session aside; returns them."""
        deadline = time.monotonic() + PATIENCE
        while len(found := [m for m in self.data() if m.index != without]) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.outside} has sent {len(found)} packets, not {count}")
            time.sleep(0.05)
        return found

    def await_other(self, session):
        """Wait until it sends in another session than that; returns its first packet there."""
        return self.await_data(1, session)[0]


def ends():
    return End(1), End(2)


def twice(found, session):
    """[(a, b)] of different data that two clones have encrypted in one session by one counter."""
    first, second = ({m.counter: m for m in messages if m.index == session} for messages in found)
    return [(first[n], second[n]) for n in sorted(first.keys() & second.keys())
            if first[n].content != second[n].content]


def configuration(guest):
    """What wg shows, without the bytes that each peer has got and sent."""
    lines = [line.split("\t") for line in guest.run("wg show wg0 dump").splitlines()]
    return [lines[0], *(line[:5] + line[7:] for line in lines[1:])]
