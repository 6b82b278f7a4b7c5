# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A tunnel of IPsec in a whole Debian, to a far end in a network name space, and who talks through
it and records what leaves this end.

    daemon = ipsec.DAEMONS["starter"]
    debian = Prebuilt(kernel, daemon.packages, prepare=ipsec.preparer(daemon))
    ipsec.connect(g, daemon)
    ipsec.Record(g).esp
"""

import dataclasses

from harness.debian import chroot

NEAR, FAR = "192.0.2.1", "192.0.2.2"
WATCH = "/run/watch"
CONNECTION = """connections {{
    tunnel {{
        version = 2
        local_addrs = {local}
        remote_addrs = {remote}
        proposals = aes128gcm16-prfsha256-ecp256
        local {{
            auth = psk
            id = {local}
        }}
        remote {{
            auth = psk
            id = {remote}
        }}
        children {{
            tunnel {{
                local_ts = {inside}/32
                remote_ts = {opposite}/32
                esp_proposals = aes128gcm16
                start_action = {start}
            }}
        }}
    }}
}}
secrets {{
    ike {{
        secret = "of both"
    }}
}}
"""
# Not the system's: no unit that is known.
FAR_SERVICE = """[Service]
Type=notify
NetworkNamespacePath=/run/netns/far
Environment=STRONGSWAN_CONF=/etc/far/strongswan.conf
ExecStart=/usr/sbin/charon-systemd
ExecStartPost=/usr/sbin/swanctl --load-all --file /etc/far/swanctl.conf --uri unix:///run/far.vici
"""
FAR_CONF = """charon-systemd {
    load_modular = yes
    plugins {
        include strongswan.d/charon/*.conf
        vici {
            socket = unix:///run/far.vici
        }
        stroke {
            load = no
        }
    }
}
"""
# Talks through the tunnel, and writes a line for each packet that leaves, as it leaves: ESP, IKE by
# its SPIs and exchange, or plain text of the tunnel's; each answer; and each error of sending.
WATCHER = r"""
import select, socket, sys, time, zlib
inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
inside.bind(("10.1.0.1", 9))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("near0", 3))
def say(*words):
    print(f"{time.monotonic():.6f}", *words, flush=True)
def read(frame):
    ip = frame[14:]
    if frame[12:14] != b"\x08\x00":
        return
    body = ip[(ip[0] & 15) * 4:]
    if ip[9] == 50:
        say("esp", body[:4].hex(), int.from_bytes(body[4:8], "big"), f"{zlib.crc32(body):08x}")
    elif ip[9] == 17 and body[2:4] in (b"\x01\xf4", b"\x11\x94"):
        ike = body[8:] if body[2:4] == b"\x01\xf4" else body[12:]
        say("ike", ike[:8].hex(), ike[8:16].hex(), ike[18])
    elif ip[16:20] == bytes((10, 2, 0, 1)):
        say("plain", ip[9], ip[20:].hex()[:32])
due = n = 0
while True:
    now = time.monotonic()
    if now >= due:
        n += 1
        try:
            inside.sendto(b"%d %f" % (n, now), ("10.2.0.1", 9))
        except OSError as e:
            say("error", e.errno)
        due = now + 0.02
    for ready in select.select([inside, wire], [], [], max(due - time.monotonic(), 0))[0]:
        try:
            if ready is inside:
                say("answer", inside.recv(100).split()[0].decode())
            else:
                frame, place = wire.recvfrom(4096)
                if place[2] == socket.PACKET_OUTGOING:
                    read(frame)
        except OSError as e:
            say("error", e.errno)
"""
ECHO = r"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.2.0.1", 9))
while True:
    try:
        text, place = s.recvfrom(100)
        s.sendto(text, place)
    except OSError:
        pass
"""
LINKS = """ip netns add far
ip link add near0 type veth peer name far0 netns far
ip addr add 192.0.2.1/24 dev near0
ip -n far addr add 192.0.2.2/24 dev far0
ip addr add 10.1.0.1/32 dev lo
ip -n far addr add 10.2.0.1/32 dev lo
ip link set near0 up
ip -n far link set far0 up
ip -n far link set lo up
ip route add 10.2.0.1 via 192.0.2.2 src 10.1.0.1
ip -n far route add 10.1.0.1 via 192.0.2.1 src 10.2.0.1
"""


# Of starter and libreswan, whose words differ.
CONFIGURATION = """conn tunnel
    left = 192.0.2.1
    right = 192.0.2.2
    leftsubnet = 10.1.0.1/32
    rightsubnet = 10.2.0.1/32
    authby = secret
"""
SECRETS = '192.0.2.1 192.0.2.2 : PSK "of both"\n'
STARTER = """    keyexchange = ikev2
    ike = aes128gcm16-prfsha256-ecp256!
    esp = aes128gcm16!
    auto = route
"""
LIBRESWAN = """    ikev2 = insist
    ike = aes_gcm128-sha2_256;dh19
    esp = aes_gcm128
    auto = start
"""


@dataclasses.dataclass(frozen=True)
class Daemon:
    unit: str
    packages: tuple
    files: dict
    beside: tuple = ()


# The far end is strongSwan's in each case.
PACKAGES = ("charon-systemd", "iproute2", "libstrongswan-standard-plugins", "python3")
DAEMONS = {
    "charon-systemd": Daemon("strongswan", PACKAGES, {
        "etc/swanctl/conf.d/tunnel.conf": CONNECTION.format(
            local=NEAR, remote=FAR, inside="10.1.0.1", opposite="10.2.0.1", start="start")}),
    "starter": Daemon("strongswan-starter", (*PACKAGES, "strongswan-charon",
                                             "strongswan-starter"), {
        "etc/ipsec.conf": CONFIGURATION + STARTER, "etc/ipsec.secrets": SECRETS}),
    # They exclude each other.
    "libreswan": Daemon("ipsec", ("iproute2", "python3", "libreswan"), {
        "etc/ipsec.conf": CONFIGURATION + LIBRESWAN, "etc/ipsec.secrets": SECRETS},
        ("charon-systemd", "libstrongswan", "libstrongswan-standard-plugins",
         "strongswan-libcharon", "strongswan-swanctl")),
}
FILES = {
    "etc/far/strongswan.conf": FAR_CONF,
    "etc/far/swanctl.conf": CONNECTION.format(local=FAR, remote=NEAR, inside="10.2.0.1",
                                              opposite="10.1.0.1", start="none"),
    "etc/systemd/system/far.service": FAR_SERVICE,
    "etc/watcher.py": WATCHER,
    "etc/echo.py": ECHO,
}


def preparer(daemon):
    def prepare(root):
        for name, text in {**FILES, **daemon.files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, "ascii")
        # Not before there is a network.
        chroot(root, "/", f"systemctl disable strongswan {daemon.unit} 2>&1 || true")
        # Includes are looked for beside the file.
        (root / "etc/far/strongswan.d").symlink_to("/etc/strongswan.d")
    return prepare


def connect(g, daemon):
    """The tunnel is up, and somebody talks through it."""
    g.run(f"{LINKS}systemctl start far; systemctl start {daemon.unit}")
    g.spawn("ip netns exec far python3 /etc/echo.py")
    g.spawn(f"python3 /etc/watcher.py >{WATCH} 2>&1")
    g.wait_for(f"grep -q ' esp ' {WATCH}")
    g.wait_for(f"tail -n 20 {WATCH} | grep -q answer")


@dataclasses.dataclass(frozen=True)
class Line:
    time: float
    kind: str
    words: tuple


class Record:
    """What has left the near end since a time of the guest's own clock."""

    def __init__(self, g, since=0.0):
        self.lines = [Line(float(time), kind, tuple(words)) for time, kind, *words in
                      map(str.split, g.run(f"cat {WATCH}").splitlines()) if float(time) >= since]

    def of(self, kind, since=0.0):
        return [line for line in self.lines if line.kind == kind and line.time >= since]
