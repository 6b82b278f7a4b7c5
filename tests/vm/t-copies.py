#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Which copy is this? Each case is a copy of a booted Debian, made as people make one; a test
begins with the name of its case. A case is a row of CASES: its function gets the original,
switched off, and a Case to report to."""

import dataclasses
import json
import pathlib
import time

from harness import tap
from harness.debian import NETWORK, UUID, Prebuilt, chroot
from harness.scenario import new_guid

HOOKS = ("60-machine-id", "60-ssh-hostkeys")
KEYS = "cut -d' ' -f1,2 /etc/ssh/ssh_host_*_key.pub"
SHOWN = "ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null"
BEFORE = "said before its identity was its own"
# What starts early and reads the machine ID; and what PID 1 says that it is.
EARLY = f"""[Unit]
DefaultDependencies=no
Before=vmgend.service
After=local-fs.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo {BEFORE} >/dev/kmsg; echo {BEFORE}'
[Install]
WantedBy=sysinit.target
"""
SPECIFIER = """[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo %m >/var/tmp/specifier'
"""


@dataclasses.dataclass
class Case:
    """Passes on results under the name of a case."""
    t: tap.Tap
    name: str

    def ok(self, condition, text):
        return self.t.ok(condition, f"{self.name}: {text}")

    def equal(self, got, want, text):
        return self.t.equal(got, want, f"{self.name}: {text}")

    def note(self, text):
        self.t.note(f"{self.name}: {text}")


@dataclasses.dataclass
class Original:
    """The machine that copies are made of."""
    debian: Prebuilt
    guid: str
    disk: pathlib.Path = None
    identity: tuple = ()

    def boot(self, disk, guid, **machine):
        """Boots, and waits until sshd shows a key."""
        began = time.monotonic()
        g = self.debian.boot(guid, disk, **machine)
        try:
            g.wait_for(f"{SHOWN} | grep -q .", timeout=120)
        except BaseException:
            g.close()
            raise
        g.power_on = began
        return g

    def again(self, disk=None, guid=None):
        return self.boot(disk or self.disk, guid or self.guid)

    def copy(self, disk, guid=None, number=0xb):
        """Another machine with this disk: UUID and MAC address are its own, as hosts see to."""
        return self.boot(disk, guid or new_guid(), uuid=UUID[:-1] + f"{number:x}",
                         devices=(NETWORK.replace("00:0a", f"00:{number:02x}"),))


def prepare(root):
    (root / "etc/systemd/system/early.service").write_text(EARLY, "ascii")
    (root / "etc/systemd/system/specifier.service").write_text(SPECIFIER, "ascii")
    chroot(root, "/", "systemctl enable systemd-networkd ssh early 2>&1; "
           "systemctl mask systemd-networkd-wait-online systemd-binfmt proc-sys-fs-binfmt_misc.mount "
           "proc-sys-fs-binfmt_misc.automount 2>&1")
    # As after the first boot of an installed system.
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", "ascii")
    for name in HOOKS:
        path = root / f"etc/vmgen/hooks.conf.d/{name}.conf"
        path.write_text(path.read_text("ascii").replace("enabled = no", "enabled = yes"), "ascii")


def identity(g):
    """The machine ID, the host keys in their files, and the one that sshd shows."""
    return (g.run("cat /etc/machine-id").strip(), frozenset(g.run(KEYS).splitlines()),
            g.run(SHOWN).strip().split(" ", 1)[1])


def last_run(g):
    return json.loads(g.run("vmgenctl history --json | tail -n 1"))


def power_off(g):
    """In order, so that the disk is what a host would copy. Returns the disk."""
    g.run("systemctl --no-block poweroff")
    g.wait_for_end(240)
    g.close()
    return g.disk


def when(g, match):
    """Seconds from power-on to a line of the journal of this boot."""
    line = json.loads(g.run(f"journalctl -q -b --merge -o json {match} | tail -n 1"))
    since = g.uptime() - int(line["__MONOTONIC_TIMESTAMP"]) / 1e6
    return time.monotonic() - g.power_on - since


def check_renewed(g, original, case, event):
    """All of the identity is this copy's own, since before the network came up."""
    now = identity(g)
    case.ok(now[0] != original.identity[0] and len(now[0]) == 32, "it has a machine ID of its own")
    case.equal((len(now[1]), now[1] & original.identity[1]), (3, frozenset()),
               "and host keys of its own")
    case.ok(now[2] in now[1], "of which sshd shows one")
    run = last_run(g)
    case.equal((run["event"], run["intent"]), (event, "clone"), f"the event is {event}")
    case.equal({name: run["hooks"].get(name, {}).get("outcome") for name in HOOKS},
               dict.fromkeys(HOOKS, "succeeded"), "the hooks of identity ran")
    order = g.run("systemctl show -P ActiveEnterTimestampMonotonic vmgend network-pre.target "
                  "systemd-networkd ssh").split()
    case.ok(int(order[0]) and sorted(order, key=int) == order,
            "before anything that uses it: vmgend, the network, sshd")
    case.equal(g.execute("systemctl --failed --no-legend"), (0, ""), "no unit failed")
    case.equal(g.run("vmgenctl intent show").strip(), "none", "what was said is used up")
    case.note(f"own identity {when(g, 'VMGEN_HOOK=60-ssh-hostkeys VMGEN_OUTCOME=succeeded'):.1f} s "
              f"after power-on; sshd {when(g, '_SYSTEMD_UNIT=ssh.service'):.1f} s")


def check_kept(g, original, case):
    case.equal(identity(g), original.identity, "machine ID and host keys stay")
    case.equal(g.execute("systemctl --failed --no-legend"), (0, ""), "no unit failed")


def stopped_with_intent(original, case):
    """Proxmox and others clone a VM that is switched off; the administrator said so before."""
    with original.again() as g:
        g.run("vmgenctl intent clone")
        disk = power_off(g)
    with original.copy(disk) as c:
        check_renewed(c, original, case, "boot-changed")


CASES = {
    "clone of a stopped VM, intent said": stopped_with_intent,
}


def scenario(kernel, t):
    debian = Prebuilt(kernel, ("openssh-server", "openssl"), prepare=prepare)
    original = Original(debian, new_guid())
    with original.boot(debian.disk, original.guid) as g:
        g.wait_for("systemctl -q is-active vmgend", timeout=120)
        original.identity = identity(g)
        t.equal(last_run(g)["event"], "adopted", "the original has adopted its ID")
        original.disk = power_off(g)
    for name, function in CASES.items():
        function(original, Case(t, name))


if __name__ == "__main__":
    tap.main(scenario)
