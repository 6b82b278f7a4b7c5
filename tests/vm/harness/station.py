# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A peer outside of a guest that accepts TCP connections, acknowledges all, and keeps all segments.

    station = Station()
    with boot(kernel, devices=DEVICES, netdevs=(station.netdev,), ...) as g:
        line = station.line()
        g.run(CONFIGURE)
        snapshot = g.save()
        ends = line.connections()
    with snapshot.clone(...) as c:
        line = station.line(ends)

Each QEMU process gets a line of its own to it, so a clone and its original have the same peer, as
it was at the snapshot. There is no ARP: each side takes every frame for its own.
"""

import contextlib
import copy
import dataclasses
import ipaddress
import socket
import struct
import threading

from harness.machine import scratch

DEVICES = ("virtio-net-pci,netdev=net,mac=52:54:00:00:00:0b,romfile=",)
DRIVERS = ("virtio_pci", "virtio_net")
OWN = {4: "10.9.0.1", 6: "fd09::1"}
PEER = {4: "10.9.0.2", 6: "fd09::2"}
CONFIGURE = ("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set eth0 arp off up && "
             f"ip addr add {OWN[4]}/24 dev eth0 && ip -6 addr add {OWN[6]}/64 dev eth0")

ETHERTYPE = {4: 0x0800, 6: 0x86dd}
TCP = 6
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WINDOW = 60000


@dataclasses.dataclass(frozen=True)
class Segment:
    """Of TCP, from the guest."""
    version: int
    port: int       # the guest's
    peer_port: int
    sequence: int
    flags: int
    data: bytes


def parse(frame):
    """The segment in a frame, or None."""
    kind, ip = struct.unpack_from("!H", frame, 12)[0], frame[14:]
    if kind == ETHERTYPE[4] and ip[9] == TCP:
        version, tcp = 4, ip[(ip[0] & 15) * 4:int.from_bytes(ip[2:4], "big")]
    elif kind == ETHERTYPE[6] and ip[6] == TCP:
        version, tcp = 6, ip[40:40 + int.from_bytes(ip[4:6], "big")]
    else:
        return None
    port, peer_port, sequence, _, offset, flags = struct.unpack_from("!HHIIBB", tcp)
    return Segment(version, port, peer_port, sequence, flags, tcp[(offset >> 4) * 4:])


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


@dataclasses.dataclass
class Connection:
    """The peer's end of one."""
    version: int
    port: int
    peer_port: int
    expected: int       # of the guest's sequence numbers, the next
    sequence: int = 1

    def frame(self, flags, data=b""):
        def tcp(check):
            return struct.pack("!HHIIBBHHH", self.peer_port, self.port, self.sequence & 0xffffffff,
                               self.expected, 5 << 4, flags, WINDOW, check, 0) + data
        ends = [ipaddress.ip_address(a[self.version]).packed for a in (PEER, OWN)]
        length = len(tcp(0))
        pseudo = b"".join(ends) + struct.pack("!II", length, TCP)
        segment = tcp(checksum(pseudo + tcp(0)))
        if self.version == 6:
            ip = struct.pack("!IHBB", 6 << 28, length, TCP, 64) + b"".join(ends)
        else:
            def header(check):
                return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, TCP,
                                   check) + b"".join(ends)
            ip = header(checksum(header(0)))
        mac = bytes.fromhex("52540000000b")
        return mac + mac + struct.pack("!H", ETHERTYPE[self.version]) + ip + segment


class Line(threading.Thread):
    """The peer of one QEMU process."""

    def __init__(self, channel, connections):
        super().__init__(daemon=True)
        self.channel = channel
        self.ends = {(c.version, c.port, c.peer_port): c for c in copy.deepcopy(connections)}
        self.seen = []
        self.changed = threading.Condition()
        self.start()

    def connections(self):
        with self.changed:
            return copy.deepcopy(list(self.ends.values()))

    def segments(self):
        with self.changed:
            return list(self.seen)

    def wait_for(self, condition, timeout=60):
        """Wait until a condition on the list of all segments holds."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self.seen), timeout)

    def say(self, connection, data):
        """Send data in a connection, as its peer; an acknowledgement does not matter."""
        with self.changed:
            end = self.ends[connection.version, connection.port, connection.peer_port]
            self._send(end.frame(PSH | ACK, data))
            end.sequence += len(data)

    def run(self):
        # The guest may end with something unread.
        with contextlib.suppress(ConnectionResetError), self.channel.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                frame = stream.read(int.from_bytes(head, "big"))
                if len(frame) >= 54 and (segment := parse(frame)):
                    with self.changed:
                        self.seen.append(segment)
                        self._answer(segment)
                        self.changed.notify_all()

    def _answer(self, segment):
        key = segment.version, segment.port, segment.peer_port
        end = self.ends.get(key)
        if segment.flags & RST:
            if end and segment.sequence == end.expected:
                del self.ends[key]
            return
        if segment.flags & SYN and end and segment.sequence + 1 & 0xffffffff != end.expected:
            # As Linux does: a challenge (RFC 5961), and the old connection stays without an RST.
            self._send(end.frame(ACK))
            return
        if segment.flags & SYN:
            self.ends[key] = end = Connection(*key, segment.sequence + 1 & 0xffffffff, sequence=0)
            self._send(end.frame(SYN | ACK))
            end.sequence = 1
            return
        if not end or not segment.data:
            return
        if segment.sequence == end.expected:
            end.expected = end.expected + len(segment.data) & 0xffffffff
        self._send(end.frame(ACK))

    def _send(self, frame):
        with contextlib.suppress(ConnectionError):
            self.channel.sendall(len(frame).to_bytes(4, "big") + frame)


class Station:
    def __init__(self):
        path = scratch() / "station"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.listener.settimeout(60)
        self.netdev = f"stream,id=net,server=off,addr.type=unix,addr.path={path}"

    def line(self, connections=()):
        """The line of the QEMU process that was started last."""
        return Line(self.listener.accept()[0], connections)
