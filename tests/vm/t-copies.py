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
from harness.debian import Prebuilt, chroot, other_machine
from harness.scenario import new_guid, seed

HOOKS = ("60-machine-id", "60-ssh-hostkeys")
ID = "0123456789abcdef0123456789abcdef"
# An RSA key takes an emulated machine long.
KEY = "/etc/ssh/ssh_host_ed25519_key"
SHOWN = "ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null"
BEFORE = "said before its identity was its own"
# What starts before vmgend, and has PID 1 read the machine ID; and what that says later.
EARLY = f"""[Unit]
DefaultDependencies=no
Before=vmgend.service
After=local-fs.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo {BEFORE} %m'
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
    template: pathlib.Path = None
    state: object = None

    def snapshot(self):
        """Of the machine as it runs."""
        if not self.state:
            with self.again() as g:
                seed(g)
                self.state = g.snapshot()
        return self.state

    def prepared(self):
        """The disk of it as a template."""
        if not self.template:
            with self.again() as g:
                g.run("vmgenctl image prepare")
                self.template = power_off(g)
        return self.template

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
        return self.boot(disk, guid or new_guid(), **other_machine(number))


def prepare(root):
    (root / "etc/systemd/system/early.service").write_text(EARLY, "ascii")
    (root / "etc/systemd/system/specifier.service").write_text(SPECIFIER, "ascii")
    chroot(root, "/", "systemctl enable systemd-networkd ssh early 2>&1; "
           "systemctl mask systemd-networkd-wait-online systemd-binfmt proc-sys-fs-binfmt_misc.mount "
           "proc-sys-fs-binfmt_misc.automount 2>&1")
    # As after the first boot of an installed system.
    (root / "etc/machine-id").write_text(f"{ID}\n", "ascii")
    (root / "etc/ssh/sshd_config.d/one.conf").write_text(f"HostKey {KEY}\n", "ascii")
    for name in HOOKS:
        path = root / f"etc/vmgen/hooks.conf.d/{name}.conf"
        path.write_text(path.read_text("ascii").replace("enabled = no", "enabled = yes"), "ascii")


def identity(g):
    """The machine ID, the host key in its file, and the one that sshd shows."""
    return (g.run("cat /etc/machine-id").strip(), g.run(f"cut -d' ' -f1,2 {KEY}.pub").strip(),
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
    """Seconds from power-on to a line of the journal of this boot, whatever it is named by."""
    line = json.loads(g.run(f"journalctl -q -b -D /var/log/journal -o json {match} | tail -n 1"))
    since = g.uptime() - int(line["__MONOTONIC_TIMESTAMP"]) / 1e6
    return time.monotonic() - g.power_on - since


def outcomes(run):
    return {name: run["hooks"].get(name, {}).get("outcome") for name in HOOKS}


def check_renewed(g, original, case, event):
    """All of the identity is this copy's own, since before the network came up."""
    now = identity(g)
    case.ok(now[0] != original.identity[0] and len(now[0]) == 32, "it has a machine ID of its own")
    case.ok(now[1] == now[2] != original.identity[1], "and a host key, which sshd shows")
    run = last_run(g)
    case.equal((run["event"], run["intent"]), (event, "clone"), f"the event is {event}")
    case.equal(outcomes(run), dict.fromkeys(HOOKS, "succeeded"), "the hooks of identity ran")
    order = g.run("systemctl show -P ActiveEnterTimestampMonotonic vmgend network-pre.target "
                  "systemd-networkd ssh").split()
    case.ok(int(order[0]) and sorted(order, key=int) == order,
            "before anything that uses it: vmgend, the network, sshd")
    check_no_failure(g, case)
    check_target(g, case)
    case.equal(g.run("vmgenctl intent show; vmgenctl image show").split(), ["none", "none"],
               "what was declared is used up")
    case.note(f"own identity {when(g, f'VMGEN_HOOK={HOOKS[1]} VMGEN_OUTCOME=succeeded'):.1f} s "
              f"after power-on; sshd {when(g, '_SYSTEMD_UNIT=ssh.service'):.1f} s; the hooks took "
              f"{[run['hooks'][name]['duration_ms'] / 1000 for name in HOOKS]} s")


def check_kept(g, original, case, event):
    case.equal(identity(g), original.identity, "machine ID and host key stay")
    case.equal(last_run(g)["event"], event, f"the event is {event}")
    check_no_failure(g, case)


def check_no_failure(g, case):
    case.equal(g.execute("systemctl --failed --no-legend"), (0, ""), "no unit failed")


def check_guards(run, case):
    case.ok(run["hooks"] and all(int(name[:2]) < 20 for name in run["hooks"]),
            "guards run, and nothing else")


def check_target(g, case):
    case.ok("Reached target" in g.run("journalctl -q -b -o cat UNIT=vmgen-changed.target"),
            "vmgen-changed.target was started")


def check_told(g, case, status, text):
    got, output = g.execute("vmgenctl status")
    case.ok(got == status and text in output, f"vmgenctl status exits with {status}: {text}")


def check_early_readers(c, case):
    """Who has read the machine ID before it was this copy's own."""
    case.equal(c.run("systemctl start specifier; cat /var/tmp/specifier").strip(), ID,
               "PID 1 keeps the machine ID that it had read for a unit with %m")
    check_told(c, case, 0, "machine ID:  new in this boot; PID 1 may still use the old one (%m in units) until "
               "the next boot")
    case.ok(BEFORE in c.run("journalctl -q -b -D /var/log/journal -u early -o cat"),
            "journalctl -b -D /var/log/journal shows what was logged before in this boot")
    c.run("systemd-cat echo said afterwards; journalctl --sync")
    case.ok("said afterwards" in c.run("journalctl -q -b -o cat"), "journalctl -b what comes after")


def stopped_with_intent(original, case):
    """Proxmox and others clone a VM that is switched off; the administrator said so before."""
    with original.again() as g:
        g.run("vmgenctl intent clone")
        disk = power_off(g)
    guid = new_guid()
    with original.copy(disk, guid) as c:
        check_renewed(c, original, case, "boot-changed")
        check_early_readers(c, case)
        own = identity(c)
        disk = power_off(c)
    with original.copy(disk, guid) as c:
        case.equal(identity(c), own, "at its next boot it is the same")
        case.equal(c.run("systemctl start specifier; cat /var/tmp/specifier").strip(), own[0],
                   "for PID 1, too")
        case.ok("machine ID" not in c.run("vmgenctl status"), "and vmgenctl status says no more")


def stopped(original, case):
    """The same, and nobody said anything. That can be done afterwards, as the manual says."""
    with original.copy(original.disk) as c:
        check_kept(c, original, case, "boot-changed")
        c.run("vmgenctl intent clone; vmgenctl trigger --real --timeout 240", timeout=300)
        now = identity(c)
        case.ok(now[0] != ID and now[1] == now[2] != original.identity[1],
                "vmgenctl intent clone and trigger --real renew its identity")


def template(original, case):
    with original.copy(original.prepared()) as c:
        check_renewed(c, original, case, "adopted")


def template_without_machine_id(original, case):
    """As many make one: systemd makes a machine ID at the first boot."""
    with original.again(original.prepared()) as g:
        g.run(": >/etc/machine-id; vmgenctl image prepare")
        disk = power_off(g)
    with original.copy(disk) as c:
        check_renewed(c, original, case, "adopted")


def template_itself(original, case):
    with original.again(original.prepared()) as g:
        check_kept(g, original, case, "adopted")
        check_told(g, case, 0, "last run:    adopted; hooks that failed: 0")
        case.ok("prepared on this machine" in g.run("vmgenctl image show"), "it is a template still")
        disk = power_off(g)
    with original.copy(disk) as c:
        check_renewed(c, original, case, "boot-changed")


def template_with_new_id(original, case):
    with original.again(original.prepared(), new_guid()) as g:
        check_kept(g, original, case, "adopted")
        case.equal(outcomes(last_run(g)), dict.fromkeys(HOOKS, "failed"), "the hooks refuse")
        check_told(g, case, 8, "60-machine-id: failed")
        case.ok("are those of a rollback" in g.run("journalctl -q -b -u vmgend -o cat"),
                "and say why")
        case.ok("prepared on" in g.run("vmgenctl image show"), "it is a template still")


def template_with_same_id(original, case):
    with original.copy(original.prepared(), original.guid) as c:
        check_kept(c, original, case, "adopted")
        check_told(c, case, 8, "has the ID of the original")
        _, output = c.execute("vmgenctl check")
        case.ok("-> give it a GUID of its own on the host, and boot it with that" in output,
                "vmgenctl check has the remedy")
        case.ok("its ID is the same: the host must" in c.run("journalctl -q -b -u vmgend -o cat"),
                "so has the log")
        disk = power_off(c)
    with original.copy(disk) as c:
        check_renewed(c, original, case, "boot-changed")


def settle(c):
    """Waits for the answer to the change of a machine that was restored."""
    c.run("vmgenctl wait --settled 1", timeout=180)
    return last_run(c)


def live_clone(original, case):
    """What it is, no snapshot can tell its copies; the administrator says so in the clone."""
    with original.snapshot().clone(guid=new_guid()) as c:
        case.equal(outcomes(settle(c)), dict.fromkeys(HOOKS, "not-applicable"),
                   "nobody has said what it is: the hooks of identity do nothing")
        check_kept(c, original, case, "changed")
        c.run("vmgenctl intent clone --now --timeout 240", timeout=300)
        case.equal(outcomes(last_run(c)), dict.fromkeys(HOOKS, "succeeded"),
                   "when it is said, they run")
        now = identity(c)
        case.ok(now[0] != ID and now[1] == now[2] != original.identity[1],
                "it has a machine ID and a host key of its own, which sshd shows")


def restored_in_place(original, case):
    """The same machine goes on, with an ID that is new: nobody need say anything."""
    with original.snapshot().clone(guid=new_guid()) as c:
        hooks = settle(c)["hooks"]
        case.ok({"10-wireguard", "20-clock", "40-networkd"} <= hooks.keys(),
                "guards and the hooks of clock and network run")
        check_target(c, case)
        check_kept(c, original, case, "changed")


def migrated(original, case):
    """The host notifies, and the ID is the same."""
    with original.snapshot().clone(guid=original.guid) as c:
        # It asks the device, which looks at the host's memory.
        case.equal(json.loads(c.run("vmgenctl status --json"))["generation"], 1, "no change")
        check_kept(c, original, case, "adopted")


def suspended(original, case):
    """To a file and back. libvirt gives a new ID then, as t-libvirt.py shows, and at the next cold
    boot the first one again."""
    migrated(original, case)
    with original.snapshot().clone(guid=new_guid()) as c:
        run = settle(c)
        case.equal(outcomes(run), dict.fromkeys(HOOKS, "not-applicable"),
                   "with a new ID all hooks run, but those of identity do nothing")
        check_kept(c, original, case, "changed")
        disk = power_off(c)
    with original.again(disk) as g:
        check_guards(last_run(g), case)
        check_kept(g, original, case, "boot-changed")


def rolled_back(original, case):
    """To where it was shut down in order; with a snapshot of a running one shutdown is unclean."""
    with original.again(guid=new_guid()) as g:
        run = last_run(g)
        case.equal((run["shutdown"], run["skipped"]), ("clean", False), "it is acted on")
        check_guards(run, case)
        check_target(g, case)
        check_kept(g, original, case, "boot-changed")


def restored_elsewhere(original, case):
    """The host gives it another UUID and MAC address; its owner wants it to go on."""
    with original.again() as g:
        g.run("echo restore >/etc/vmgen/intent")
        disk = power_off(g)
    with original.copy(disk) as c:
        run = last_run(c)
        case.equal((run["hint"], run["intent"]), ("clone", "restore"),
                   "it looks like a clone, and is said to be none")
        check_guards(run, case)
        check_kept(c, original, case, "boot-changed")


CASES = {
    "live clone": live_clone,
    "rollback in memory": restored_in_place,
    "rollback at cold boot": rolled_back,
    "backup on another host": restored_elsewhere,
    "live migration": migrated,
    "suspend by the host": suspended,
    "clone of a stopped VM, intent said": stopped_with_intent,
    "clone of a stopped VM, nothing said": stopped,
    "copy of a template": template,
    "copy of a template without a machine ID": template_without_machine_id,
    "template itself, then a copy of it": template_itself,
    "template itself, with a new ID at each boot": template_with_new_id,
    "copy of a template, with the ID of that": template_with_same_id,
}


def scenario(kernel, t):
    debian = Prebuilt(kernel, ("openssh-server", "openssl"), prepare=prepare)
    original = Original(debian, new_guid())
    with original.boot(debian.disk, original.guid) as g:
        g.wait_for("systemctl -q is-active vmgend", timeout=120)
        original.identity = identity(g)
        t.equal((last_run(g)["event"], original.identity[0]), ("adopted", ID),
                "first installation: it adopts its ID, and machine ID and host key stay")
        original.disk = power_off(g)
    for name, function in CASES.items():
        function(original, Case(t, name))


if __name__ == "__main__":
    tap.main(scenario)
