#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Programs with generators of their own in four clones of a whole Debian: who draws the same with the
module alone, after vmgend has run, and when the OpenSSL provider is on and 80-restart-units restarts
what it finds. The lines of vmgen-programs(7), and servers that draw by them."""

import pathlib
import re
import shutil

from harness import tap
from harness.debian import Prebuilt, chroot
from harness.scenario import new_guid, say, seed

CLONES = 4
PACKAGES = ("android-libboringssl", "curl", "default-jdk-headless", "exim4-daemon-light",
            "libgcrypt20", "libgnutls30", "libnss3", "nginx", "nodejs", "openssh-server", "openssl",
            "php-cli", "postgresql", "python3", "ruby")
HERE = "/usr/local/lib/draw"
# By the name of the service, draw-NAME. OpenSSL, Node.js and curl are there once more, for the
# provider.
COMMANDS = {name: f"/usr/bin/python3 {HERE}/draw.py {name} {name}"
            for name in ("openssl", "gnutls", "nss", "gcrypt", "boringssl", "python")}
COMMANDS |= {"node": f"/usr/bin/node {HERE}/draw.js node",
             "php": f"/usr/bin/php {HERE}/draw.php php",
             "ruby": f"/usr/bin/ruby {HERE}/draw.rb ruby",
             "java": f"/usr/bin/java -Xint -cp {HERE} Draw java"}
# Who asks a server, or has a program ask. {name: unit of it}
SERVERS = {"nginx": "nginx", "postgresql": "postgresql@15-main", "exim": "exim4", "sshd": "ssh",
           "curl": None}
COMMANDS |= {name: f"/usr/bin/python3 {HERE}/draw.py {name} {name}" for name in SERVERS}
LATER = {"provider": f"/usr/bin/python3 {HERE}/draw.py openssl provider",
         "reached": f"/usr/bin/node {HERE}/draw.js reached",
         "upload": f"/usr/bin/python3 {HERE}/draw.py curl upload"}
# What clones have in common until the process is restarted; all else differs.
SAME = {"openssl": ("RAND_bytes",), "gnutls": ("key", "nonce"), "nss": ("PK11_GenerateRandom",),
        "gcrypt": ("gcry_create_nonce",), "boringssl": ("RAND_bytes",),
        "python": ("random", "tempfile"),
        "node": ("randomBytes", "getRandomValues", "randomUUID", "randomInt", "Math.random"),
        "php": ("mt_rand", "lcg_value", "str_shuffle", "openssl_random_pseudo_bytes"),
        "ruby": ("rand", "Random.new", "OpenSSL::Random"),
        "java": ("DRBG", "SHA1PRNG", "Random", "ThreadLocalRandom"), "provider": (),
        # Node.js draws ahead for some.
        "reached": ("randomUUID", "randomInt", "Math.random"), "nginx": ("random", "nonce"),
        "postgresql": ("gen_random_uuid", "random"), "exim": (), "sshd": (), "curl": ("boundary",),
        "upload": ()}
# It mixes in the clock, so it differs by chance; and what cannot be told from outside.
BY_CHANCE = ("gcrypt", "gcry_randomize")
NOT_FOUND = {"boringssl", "python", "provider", "reached", "upload"}
# What is not the main process of a unit, or not of the one that is named so.
INSIDE = {"curl"}
# What vmgend makes draw other numbers as it comes.
SENTINELS = {("boringssl", "RAND_bytes")}
LIST = "/etc/vmgen/restart-units"
# In the clear, and signed by ECDSA: TLS 1.2.
TLS = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test " \
      "-keyout key -out certificate 2>&1; chmod 644 key"
FILES = {
    # An emulated machine restarts all of them slowly.
    "etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\nhook-timeout = 600\n",
    "etc/nginx/conf.d/tls.conf": "server { listen 127.0.0.1:443 ssl; ssl_protocols TLSv1.2; "
                                 f"ssl_certificate {HERE}/certificate; "
                                 f"ssl_certificate_key {HERE}/key; }}\n",
    "etc/exim4/exim4.conf.localmacros": "MAIN_TLS_ENABLE = yes\n"
                                        f"MAIN_TLS_CERTIFICATE = {HERE}/certificate\n"
                                        f"MAIN_TLS_PRIVATEKEY = {HERE}/key\n",
}
UNIT = """[Service]
ExecStartPre=/bin/sh -c 'mkdir -p /run/draw; rm -f /run/draw/%s.*; mkfifo /run/draw/%s.in'
ExecStart=%s
"""
# The FIFO has a reader when the program has drawn for the first time.
ASK = "for n in %s; do rm -f /run/draw/$n.out; echo >/run/draw/$n.in; done; " \
      "for n in %s; do until test -e /run/draw/$n.out; do sleep 0.1; done; " \
      "sed s/^/$n\\ / /run/draw/$n.out; done"


def prepare(root):
    target = root / HERE[1:]
    target.mkdir()
    for name in ("draw.py", "draw.js", "draw.php", "draw.rb", "Draw.java", "tls_probe.py"):
        shutil.copy(pathlib.Path(__file__).parent / "guest" / name, target)
    chroot(root, HERE, f"javac Draw.java; {TLS}")
    for name, text in FILES.items():
        (root / name).write_text(text, "ascii")
    for name, command in (COMMANDS | LATER).items():
        path = root / f"etc/systemd/system/draw-{name}.service"
        path.write_text(UNIT % (name, name, command), "ascii")


def ask(g):
    """{(name, what): value} of all."""
    names = " ".join(COMMANDS | LATER)
    lines = g.run(ASK % (names, names), timeout=300).splitlines()
    return {tuple(line.split()[:2]): line.split()[2] for line in lines}


def start(g, t):
    for unit in filter(None, SERVERS.values()):
        g.wait_for(f"systemctl -q is-active {unit}", timeout=300)
    g.run("systemctl start " + " ".join(f"draw-{name}" for name in COMMANDS), timeout=300)
    g.run("vmgenctl openssl enable", timeout=120)
    g.run("systemctl start " + " ".join(f"draw-{name}" for name in LATER), timeout=300)
    drawn = ask(g)
    t.ok(all(drawn[key] != value for key, value in ask(g).items()), "no program repeats itself")
    units = {unit.removeprefix("draw-").removesuffix(".service")
             for unit in g.run("vmgenctl check --units", timeout=60).split()}
    copied = set(COMMANDS) - NOT_FOUND - set(SERVERS)
    copied |= {SERVERS[name] for name in SERVERS if SAME[name] and SERVERS[name]}
    t.equal(copied - units, set(), "check finds all with copied generators")
    t.equal(NOT_FOUND & units, set(), "and not those that have none, or of which nobody can tell")
    say(f"check finds as well: {' '.join(sorted(units - copied))}")


def answer(c):
    """What a clone draws before vmgend runs, with the defaults, and with everything on."""
    drawn = [ask(c)]
    c.run("systemctl start vmgend; vmgenctl wait --settled --timeout 240 1", timeout=300)
    drawn.append(ask(c))
    c.run(f"echo auto >>{LIST}; vmgenctl hooks run --real --timeout=650 80-restart-units",
          timeout=700)
    drawn.append(ask(c))
    return drawn


def common(clones):
    """What any two of them have drawn alike."""
    return {key for key in clones[0] if key != BY_CHANCE
            and len({clone[key] for clone in clones}) < len(clones)}


def compare(found, t):
    expected = {(name, what) for name, words in SAME.items() for what in words}
    names = ("the module alone", "vmgend, as it comes", "everything on")
    for i, name in enumerate(names):
        same = common([clone[i] for clone in found])
        say(f"{name}: the same in {CLONES} clones: " + ", ".join(sorted(map(" ".join, same))))
        if i == 1:
            expected -= SENTINELS
        if i == 2:
            expected = {key for key in expected if key[0] in NOT_FOUND | INSIDE}
        t.equal(sorted(same), sorted(expected), f"{name}: those are the same that the table has")


def check_manual(t):
    """The table that people read has the words of the one above, where it says "the same"."""
    page = pathlib.Path(__file__).parents[2] / "daemon/vmgen-programs.7.scd"
    rows = re.findall(r"(?m)^\|  (.*)\n:  (.*)$", page.read_text("utf-8"))
    same = " ".join(what for what, seen in rows if seen.startswith("the same")).lower()
    named = [(name,) if name in SERVERS else words for name, words in SAME.items() if words]
    t.equal([what for words in named for what in words if what.lower() not in same], [],
            "vmgen-programs(7) says of all of these that they are the same")


def scenario(kernel, t):
    check_manual(t)
    debian = Prebuilt(kernel, PACKAGES, prepare=prepare)
    with debian.boot(new_guid(), memory=1536) as g:
        g.wait_for("systemctl -q is-active vmgend", timeout=120)
        start(g, t)
        g.run("systemctl stop vmgend; sync")
        seed(g)
        snapshot = g.snapshot()
    found = []
    for _ in range(CLONES):
        with snapshot.clone(guid=new_guid()) as c:
            found.append(answer(c))
    compare(found, t)


if __name__ == "__main__":
    tap.main(scenario)
