# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A server of time (NTP) for guests, which can be wrong or silent as a test likes."""

import socket
import struct
import threading
import time

# Between 1900, where NTP's time begins, and 1970; from RFC 5905.
EPOCH = 2208988800
PORT = 123
REQUEST, ANSWER = 3, 4
# Leap second: none; then version 4 and the mode.
HEADER = 4 << 3

# The network of a guest of QEMU's, and the host as that shows it.
CARD = ("virtio-net-pci,netdev=net,mac=52:54:00:00:00:0a,romfile=",)
NETWORK = ("user,id=net",)
SERVER = "10.0.2.2"


def off(g, ahead=0, clock="date +%s.%N"):
    """By how many seconds a guest's clock is ahead of this machine's, or of one ahead of that."""
    looks = []
    for _ in range(3):
        before = time.time()
        told = float(g.run(clock))
        looks.append((time.time() - before, told - ahead - (before + time.time()) / 2))
    # The quickest look is the truest: on a busy machine an answer can take a second.
    return min(looks)[1]


class Ntp:
    """Answers on the loopback address of this network namespace until the process ends."""

    def __init__(self):
        self.ahead = 0          # of the clock of this machine, seconds
        self.silent = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", PORT))
        threading.Thread(target=self.serve, daemon=True).start()

    def now(self):
        """The time that it tells, as Unix does."""
        return time.time() + self.ahead

    def stamp(self):
        return int((self.now() + EPOCH) * (1 << 32))

    def serve(self):
        while True:
            request, client = self.socket.recvfrom(1024)
            received = self.stamp()
            if self.silent or len(request) < 48 or request[0] & 7 != REQUEST:
                continue
            # Stratum 1, precision of a microsecond; the client's own stamp goes back to it.
            self.socket.sendto(struct.pack("!BBBbII4s8s8sQQ", HEADER | ANSWER, 1, request[2], -20,
                                           0, 0, b"TEST", struct.pack("!Q", received),
                                           request[40:48], received, self.stamp()), client)
