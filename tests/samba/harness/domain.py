# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain with two controllers or more that replicate with each other, each with its own address.

The second one is that which goes back in most tests; the first one holds all roles.
"""

import itertools
import re
import time

from harness import installation
from harness.controller import ADMINISTRATOR, BASE, DOMAIN, PASSWORD, REALM, SECONDS, Controller
from harness.installation import SambaError

HOST = "10.99.0.{n} dc{n}.{realm} dc{n}\n"
KERBEROS = f"[libdefaults]\ndefault_realm = {REALM.upper()}\ndns_lookup_kdc = true\n"
# What the tools need to know of the domain whose administrator they are given.
CLIENT = f"[global]\nworkgroup = {DOMAIN}\nrealm = {REALM.upper()}\n"
PARTS = (BASE, f"CN=Configuration,{BASE}")


def network(numbers):
    """What all controllers share. Names come from the first one's DNS, or the second one's."""
    for number in numbers:
        installation.kernels.run(["ip", "addr", "add", f"10.99.0.{number}/32", "dev", "lo"])
    hosts = "".join(HOST.format(n=number, realm=REALM) for number in numbers)
    for name, text in (("hosts", f"127.0.0.1 localhost\n{hosts}"),
                       ("resolv.conf", "nameserver 10.99.0.1\nnameserver 10.99.0.2\n"),
                       ("krb5.conf", KERBEROS), ("samba/smb.conf", CLIENT)):
        installation.path(f"/etc/{name}").write_text(text, "ascii")


def retry(*command, seconds=SECONDS):
    """Run a command until it works: a server that has just been started, or whose partner was,
    may fail or not answer at first. Returns the last status and output.
    """
    deadline = time.monotonic() + seconds
    while True:
        status, output = installation.execute("timeout", "20", *command)
        if not status or time.monotonic() > deadline:
            return status, output
        time.sleep(0.5)


def compare(pair):
    # Each controller keeps the filtered attribute to itself, which ldapcmp does not know.
    status, output = installation.execute(
        "samba-tool", "ldapcmp", *(dc.url for dc in pair), "domain", "configuration",
        "--filter=msDS-GenerationId", *ADMINISTRATOR)
    return output if status else ""


class Domain:
    # Of another kind: its name in the cache, what serves the DNS of those that join, what its
    # controllers are made with, and what they have in smb.conf.
    kind = "two"
    dns = "SAMBA_INTERNAL"
    options = ()
    settings = ""

    def __init__(self, count=2):
        numbers = range(1, count + 1)
        network(numbers)
        self.all = tuple(map(Controller, numbers))
        self.dc1, self.dc2 = self.both = self.all[:2]
        self.others = self.all[2:]
        self.dc3 = self.all[2] if count > 2 else None
        if count == 2:
            installation.kept(self.kind, self.make)
        else:
            installation.kept(f"{count}", self.grow)

    def make(self):
        self.provision()
        self.join(self.dc2)
        self.dc2.add("early")
        self.converge()
        self.stop()

    def grow(self):
        """Of the two that all tests share."""
        installation.kept(self.kind, self.make)
        for dc in self.both:
            dc.start()
        for dc in self.others:
            self.join(dc)
        self.converge()
        self.stop()

    def provision(self):
        installation.run("samba-tool", "domain", "provision", f"--realm={REALM}", f"--domain={DOMAIN}",
                         f"--adminpass={PASSWORD}", "--server-role=dc", "--use-rfc2307",
                         "--dns-backend=SAMBA_INTERNAL", f"--host-name={self.dc1.name}",
                         f"--host-ip={self.dc1.address}", f"--targetdir={self.dc1.directory}",
                         *self.options)
        self.dc1.configure(self.settings)
        # What the service dnsupdate does, without which nobody can replicate from it.
        installation.run("samba_spnupdate", "-s", self.dc1.configuration)
        self.dc1.start()

    def join(self, dc):
        installation.run("samba-tool", "domain", "join", REALM, "DC", *ADMINISTRATOR,
                         f"--server={self.dc1.name}.{REALM}", f"--dns-backend={self.dns}",
                         f"--targetdir={dc.directory}", f"--option=netbios name={dc.name}",
                         f"--option=interfaces={dc.address}/32",
                         "--option=bind interfaces only=yes", *self.options)
        dc.configure(self.settings)
        dc.start()
        # So that the first one takes changes from it at once.
        retry("samba-tool", "drs", "kcc", self.dc1.name, *ADMINISTRATOR)

    def running(self):
        return [dc for dc in self.all if dc.server]

    def start(self):
        for dc in self.all:
            if not dc.server:
                dc.start()

    def stop(self):
        for dc in self.all:
            dc.stop()

    def snapshot(self, name):
        for dc in self.all:
            dc.snapshot(name)

    def restore(self, name):
        for dc in self.all:
            dc.restore(name)

    def lose(self, dc, names):
        """Users of this controller, which reach the other one; then it is back before them.

        What both hold then is kept as "back".
        """
        self.snapshot("before")
        self.start()
        dc.add(*names)
        self.converge()
        self.stop()
        dc.restore("before")
        dc.new_id()
        self.snapshot("back")

    def adopt(self):
        """The safeguard sees them for the first time."""
        for dc in self.all:
            status, output = dc.safeguard("before-start")
            if status or dc.facts()["generation"] != dc.id:
                raise SambaError(f"{dc.name} was not adopted: status {status}\n{output}")

    # ---- replication

    def replicate(self, target, source, part=BASE, seconds=SECONDS):
        return retry("samba-tool", "drs", "replicate", target.name, source.name, part,
                     *ADMINISTRATOR, seconds=seconds)

    def converge(self):
        """Those that run."""
        for part in PARTS:
            for target, source in itertools.permutations(self.running(), 2):
                status, output = self.replicate(target, source, part)
                if status:
                    raise SambaError(f"{part} does not reach {target.name}: {output}"
                                     f"{target.log()}")

    def content(self):
        """Whether all controllers call their replication good."""
        texts = [installation.execute("samba-tool", "drs", "showrepl", dc.name, "--summary",
                                      *ADMINISTRATOR) for dc in self.all]
        return all(status == 0 and re.search(r"\[ALL GOOD\]", text) for status, text in texts)

    def differences(self):
        """What samba-tool ldapcmp finds; nothing if all hold the same."""
        return "".join(map(compare, itertools.combinations(self.all, 2)))

    def settle(self):
        """What differs for good; connections to partners are made at any time."""
        deadline = time.monotonic() + SECONDS
        while (found := self.differences()) and time.monotonic() < deadline:
            self.converge()
        return found
