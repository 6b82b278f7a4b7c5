# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A domain with two controllers that replicate with each other, each with its own address.

The second one is that which goes back in most tests; the first one holds all roles.
"""

import re
import time

from harness import installation
from harness.controller import ADMINISTRATOR, BASE, DOMAIN, PASSWORD, REALM, SECONDS, Controller
from harness.installation import SambaError

HOSTS = "127.0.0.1 localhost\n" + "".join(f"10.99.0.{n} dc{n}.{REALM} dc{n}\n" for n in (1, 2))
KERBEROS = f"[libdefaults]\ndefault_realm = {REALM.upper()}\ndns_lookup_kdc = true\n"
# What the tools need to know of the domain whose administrator they are given.
CLIENT = f"[global]\nworkgroup = {DOMAIN}\nrealm = {REALM.upper()}\n"
PARTS = (BASE, f"CN=Configuration,{BASE}")


def network():
    """What both controllers share. Names come from the first one's DNS."""
    for number in (1, 2):
        installation.kernels.run(["ip", "addr", "add", f"10.99.0.{number}/32", "dev", "lo"])
    for name, text in (("hosts", HOSTS), ("resolv.conf", "nameserver 10.99.0.1\n"),
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


class Domain:
    def __init__(self):
        network()
        self.dc1, self.dc2 = Controller(1), Controller(2)
        self.both = (self.dc1, self.dc2)
        installation.kept("two", self.make)

    def make(self):
        self.provision()
        self.join()
        self.dc2.add("early")
        self.converge()
        self.stop()

    def provision(self):
        installation.run("samba-tool", "domain", "provision", f"--realm={REALM}", f"--domain={DOMAIN}",
                         f"--adminpass={PASSWORD}", "--server-role=dc", "--use-rfc2307",
                         "--dns-backend=SAMBA_INTERNAL", f"--host-name={self.dc1.name}",
                         f"--host-ip={self.dc1.address}", f"--targetdir={self.dc1.directory}")
        self.dc1.configure()
        # What the service dnsupdate does, without which nobody can replicate from it.
        installation.run("samba_spnupdate", "-s", self.dc1.configuration)
        self.dc1.start()

    def join(self):
        installation.run("samba-tool", "domain", "join", REALM, "DC", *ADMINISTRATOR,
                         f"--server={self.dc1.name}.{REALM}", "--dns-backend=SAMBA_INTERNAL",
                         f"--targetdir={self.dc2.directory}",
                         f"--option=netbios name={self.dc2.name}",
                         f"--option=interfaces={self.dc2.address}/32",
                         "--option=bind interfaces only=yes")
        self.dc2.configure()
        self.dc2.start()
        # So that the first one takes changes from it at once.
        retry("samba-tool", "drs", "kcc", self.dc1.name, *ADMINISTRATOR)

    def start(self):
        for dc in self.both:
            if not dc.server:
                dc.start()

    def stop(self):
        for dc in self.both:
            dc.stop()

    def snapshot(self, name):
        for dc in self.both:
            dc.snapshot(name)

    def restore(self, name):
        for dc in self.both:
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
        """The safeguard sees both for the first time."""
        for dc in self.both:
            status, output = dc.safeguard("before-start")
            if status or dc.facts()["generation"] != dc.id:
                raise SambaError(f"{dc.name} was not adopted: status {status}\n{output}")

    # ---- replication

    def replicate(self, target, source, part=BASE, seconds=SECONDS):
        return retry("samba-tool", "drs", "replicate", target.name, source.name, part,
                     *ADMINISTRATOR, seconds=seconds)

    def converge(self):
        for part in PARTS:
            for target, source in (self.both, self.both[::-1]):
                status, output = self.replicate(target, source, part)
                if status:
                    raise SambaError(f"{part} does not reach {target.name}: {output}"
                                     f"{target.log()}")

    def content(self):
        """Whether both controllers call their replication good."""
        texts = [installation.execute("samba-tool", "drs", "showrepl", dc.name, "--summary",
                                      *ADMINISTRATOR) for dc in self.both]
        return all(status == 0 and re.search(r"\[ALL GOOD\]", text) for status, text in texts)

    def differences(self):
        """What samba-tool ldapcmp finds; nothing if both hold the same."""
        # Each controller keeps the filtered attribute to itself, which ldapcmp does not know.
        status, output = installation.execute(
            "samba-tool", "ldapcmp", self.dc1.url, self.dc2.url, "domain", "configuration",
            "--filter=msDS-GenerationId", *ADMINISTRATOR)
        return output if status else ""

    def settle(self):
        """What differs for good; connections to partners are made at any time."""
        deadline = time.monotonic() + SECONDS
        while (found := self.differences()) and time.monotonic() < deadline:
            self.converge()
        return found
