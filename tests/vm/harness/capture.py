# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a guest's network card sent and got, as QEMU records it in a file of libpcap's format, and
the messages of WireGuard in that.

    boot(kernel, objects=(capture.to(path),), ...)
    capture.Recording(path).messages()
"""

import dataclasses
import socket
import struct

FILE_HEADER = 24
# Seconds, microseconds, length here and on the wire.
RECORD = struct.Struct("<4I")
ETHERNET, IPV4, UDP, UDP_HEADER = 14, b"\x08\x00", 17, 8
# A message of WireGuard begins with its type. In data the receiver's index follows, and a counter;
# the encrypted packet ends with a tag.
INITIATION, RESPONSE, DATA = 1, 2, 4
HEADER = struct.Struct("<IIQ")
TAG = 16


def to(path, netdev="net"):
    """QEMU's object that records; a clone begins the file anew."""
    return f"filter-dump,id=capture,netdev={netdev},file={path}"


def frames(content):
    """(seconds by the guest's own time, frame) for each; the last one may be half written still."""
    at = 0
    while at + RECORD.size <= len(content):
        seconds, micro, length, _ = RECORD.unpack_from(content, at)
        at += RECORD.size
        if at + length > len(content):
            return
        yield seconds + micro / 1e6, content[at:at + length]
        at += length


@dataclasses.dataclass(frozen=True)
class Message:
    time: float
    sender: str         # address
    type: int
    index: int          # in data
    counter: int        # in data
    content: bytes      # of data, encrypted, without the tag


def message(time, frame):
    """What WireGuard says in a frame, or None. All UDP is taken for it."""
    ip = frame[ETHERNET:]
    if frame[12:14] != IPV4 or ip[9] != UDP:
        return None
    said = ip[(ip[0] & 15) * 4 + UDP_HEADER:int.from_bytes(ip[2:4], "big")]
    kind, index, counter = HEADER.unpack_from(said)
    return Message(time, socket.inet_ntoa(ip[12:16]), kind, index, counter,
                   said[HEADER.size:-TAG] if kind == DATA else b"")


class Recording:
    """The messages of WireGuard in a file that grows, each of which is looked at once."""

    def __init__(self, path):
        self.path, self.at, self.found = path, FILE_HEADER, []

    def messages(self):
        with open(self.path, "rb") as file:
            file.seek(self.at)
            content = file.read()
        at = 0
        for time, frame in frames(content):
            at += RECORD.size + len(frame)
            if m := message(time, frame):
                self.found.append(m)
        self.at += at
        return self.found
