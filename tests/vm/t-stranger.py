#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A user without rights who does all he can, on a whole Debian with every hook that ships. When the
machine is cloned, and while root runs each command, nothing of his is executed, printed as it is,
or waited for. See stranger.c and mute.c for what he does."""

import base64
import json
import re
import time
import unicodedata

from harness import tap
from harness.debian import Prebuilt, chroot
from harness.guest import GuestTimeout
from harness.scenario import new_guid, program, say

PACKAGES = ("chrony", "openssh-server", "openssl", "iproute2", "network-manager", "ifupdown",
            "isc-dhcp-client", "dhcpcd-base", "fuse3", "python3")
HOME = "/home/mallory"
AS = "setpriv --reuid=1000 --regid=1000 --clear-groups"
SLEEPERS = 500
# On an emulated machine that others are busy on: who waits for him waits for ever.
BOUND = 120
SETTLED = 240
# Those that began to run; each has a limit of its own, which is too late.
WAITED = ("timed-out", "killed", "lost", "unusable")
HOOKS = ("10-ipsec", "10-macsec", "10-samba-ad", "10-wireguard", "20-clock",
         "30-wireguard", "40-NetworkManager", "40-dhclient", "40-dhcpcd",
         "40-networkd", "50-ipsec", "50-macsec", "50-samba-ad", "60-container-engine",
         "60-dhcp-duid", "60-hostname", "60-iscsi-initiator", "60-machine-id", "60-nvme-host",
         "60-snmp-engine", "60-ssh-hostkeys", "70-user", "80-restart-units")
WITH_JSON = ("status", "check", "hooks list", "hooks why 40-dhclient", "history")
WORDS = ("metrics", "intent show", "intent restore", "intent clear", "wait --settled --timeout 30",
         "wait --timeout 1", "fence set ssh 'seen today'", "fence list", "fence check ssh",
         "fence lift ssh", "openssl status", "openssl enable", "openssl status --service=ssh",
         "openssl status --service=his", "check", "openssl disable --all",
         "hooks run 40-dhclient", "hooks run 10-samba-ad", "hooks run --real 40-dhcpcd",
         "trigger --timeout 120")
OTHERS = ("vmgend --check-config", "vmgend --check-device", "vmgend-samba-ad --check",
          "vmgend-samba-ad stop", "vmgend-samba-ad repair", "timeout -s INT 2 vmgenctl watch",
          "timeout -s INT 2 vmgenctl watch --json", "systemctl reload vmgend",
          "systemctl restart vmgend", "run-parts --test /etc/cloud/clean.d")
# A service and a hook that run as him.
UNIT = f"""[Service]
User=mallory
Environment=OPENSSL_CONF={HOME}/openssl.cnf
ExecStart=/bin/sleep infinity
"""
USER_HOOK = r"""#!/bin/sh
printf '\033]0;SAID\007\377\376\2331mSAID\302\2331m\342\200\256"\\u0000"\r\n'
printf 'SAID \360\237'
"""
# uid 0 of a container that is given the node. What rights.c prints there: open for writing, INFO,
# page 1, sysctl.
CONTAINER = ("systemd-nspawn -q --register=no --directory=/ --volatile=yes --bind=/dev/vmgenid "
             "--property='DeviceAllow=/dev/vmgenid %s' %s rights </dev/null 2>&1")
CONTAINERS = {("rw", "--drop-capability=CAP_SYS_ADMIN"): "EPERM EPERM EACCES EPERM",
              ("rw", "--private-users=65536:65536"): "EPERM EPERM EACCES EACCES",
              # As vmgenid(4) warns of; and as it has it.
              ("rw", ""): "OK OK OK OK", ("r", ""): "EPERM EPERM EACCES OK"}
SAMBA = """import sys
sys.path.insert(0, "/usr/local/lib/vmgen")
from samba_ad import holders
open("/run/sam.ldb", "w")
print(holders.of(holders.Database(["/run/sam.ldb"])))
"""
# A process of his with the number that vmgend had, by the luck of which root helps.
TAKE_PID = f"""pid=$(systemctl show -P MainPID vmgend)
mkdir -p /run/systemd/system/vmgend.service.d
printf '[Service]\\nRestart=no\\n' >/run/systemd/system/vmgend.service.d/no.conf
systemctl daemon-reload
kill -KILL $pid
until [ ! -e /proc/$pid ]; do sleep 0.1; done
while :; do
	echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
	{AS} {HOME}/vmgend </dev/null >/dev/null 2>&1 &
	[ $! != $pid ] || break
	kill $!
done
until [ "$(cat /proc/$pid/comm)" = vmgend ]; do sleep 0.1; done
"""


def prepare(root):
    for name in ("stranger", "mute", "rights"):
        target = root / "usr/local/bin" / name
        target.write_bytes(program(name, False).read_bytes())
        target.chmod(0o755)
    (root / "etc/systemd/system/his.service").write_text(UNIT, "ascii")
    # Nobody answers DHCP here, and an RSA key takes long to make.
    (root / "etc/NetworkManager/conf.d/test.conf").write_text("[main]\nno-auto-default=*\n")
    (root / "etc/ssh/sshd_config.d/one.conf").write_text("HostKey /etc/ssh/ssh_host_ed25519_key\n")
    hook = root / "etc/vmgen/hooks.d/70-user"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(USER_HOOK, "ascii")
    hook.chmod(0o755)
    (root / "etc/vmgen/hooks.conf.d/70-user.conf").write_text("[hook]\nuser = mallory\n", "ascii")
    chroot(root, "/", "useradd -m -u 1000 mallory; echo user_allow_other >>/etc/fuse.conf; "
           "sed -i 's/^enabled = no/enabled = yes/' /etc/vmgen/hooks.conf.d/60-*.conf; "
           "systemctl enable ssh NetworkManager chrony 2>&1; "
           "systemctl mask NetworkManager-wait-online 2>&1")


def settle_in(g):
    """All that he does, before the snapshot. Returns the processes of his file systems."""
    pids = {}
    g.run("modprobe fuse; install -d -o mallory -m 700 /run/user/1000; "
          f"install -d -o mallory {HOME}/s {HOME}/own {HOME}/shared; "
          f"{AS} mkfifo {HOME}/openssl.cnf; systemctl start his")
    for name, command in {"stranger": f"stranger {HOME}/s {SLEEPERS}",
                          "own": f"mute own {HOME}/own", "shared": f"mute shared {HOME}/shared"
                          }.items():
        pids[name] = g.spawn(f"cd {HOME}; exec {AS} {command} >/run/said-{name} 2>&1")
        try:
            g.wait_for(f"grep -q ready /run/said-{name}", 120)
        except GuestTimeout:
            raise AssertionError(g.run(f"cat /run/said-{name}")) from None
    return pids["own"], pids["shared"]


def hangs(g, command):
    return g.execute(f"timeout -s KILL 3 {command} >/dev/null 2>&1")[0] == 128 + 9


def check_there(g, t):
    """A test of nothing would pass."""
    count = int(g.run("grep -slx dhclient /proc/[0-9]*/comm | wc -l"))
    t.ok(count > 5, f"{count} processes of his call themselves dhclient")
    named = g.run("grep -sl OWNED /proc/[0-9]*/comm | wc -l").strip()
    t.ok(int(named) > 1, f"{named} have escape codes for a name")
    locked = g.run("grep -slE '[(]dhclient[)] D ' /proc/[0-9]*/stat || true").split()
    t.equal([hangs(g, f"cat {stat[:-4]}maps") for stat in locked], [True, True],
            "two processes of his keep who reads their memory map waiting")
    t.ok(hangs(g, f"stat {HOME}/shared/x"), "his file system keeps root waiting")
    t.equal(g.run("grep -lx su /proc/[0-9]*/comm | wc -l").strip(), "1",
            "a program with root's rights has a file of it open")


class Answer:
    def __init__(self, g, command):
        began = time.monotonic()
        status, text = g.execute(
            f"timeout -s KILL {BOUND} {command} >/run/out 2>/run/err; r=$?; "
            "base64 -w0 /run/out; echo; base64 -w0 /run/err; exit $r", BOUND + 30)
        self.seconds = time.monotonic() - began
        self.status = status
        self.out, self.err = (base64.b64decode(line) for line in text.split("\n")[:2])


def fault_of(data):
    """What is wrong with this text for a terminal, or None."""
    try:
        text = data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError as e:
        return f"no UTF-8: {data[max(0, e.start - 20):e.end + 20]!r}"
    for at, letter in enumerate(text):
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter not in "\n\t":
            return f"raw: {text[max(0, at - 20):at + 20]!r}"
    return None


def refuse(word):
    raise ValueError(word)


def fault_of_json(data):
    """Each line is one object, or all of it is."""
    try:
        text = data.decode()
        try:
            json.loads(text, parse_constant=refuse)
        except json.JSONDecodeError:
            for line in text.splitlines():
                json.loads(line, parse_constant=refuse)
    except ValueError as e:
        return str(e)
    return None


def ask(g, command, t):
    answer = Answer(g, command)
    t.ok(answer.status != 128 + 9, f"{command}: ends (in {answer.seconds:.1f} s)")
    t.ok(answer.status < 128, f"{command}: exit status {answer.status}")
    fault = fault_of(answer.out) or fault_of(answer.err)
    t.equal(fault, None, f"{command}: prints text")
    if "--json" in command:
        t.equal(fault_of_json(answer.out), None, f"{command}: is JSON")
    return answer


def check_commands(g, t):
    commands = [f"vmgenctl {c}{form}" for c in WITH_JSON for form in ("", " --json")]
    commands += [f"vmgenctl {c}" for c in WORDS] + list(OTHERS)
    answers = {command: ask(g, command, t) for command in commands}
    slowest = max(answers, key=lambda command: answers[command].seconds)
    say(f"{len(answers)} commands; the slowest is {slowest}: {answers[slowest].seconds:.1f} s")
    g.run(f"cat >/run/samba.py <<'END'\n{SAMBA}END")
    t.equal(ask(g, "python3 /run/samba.py", t).out, b"[]\n",
            "none of his processes is taken for one that has Samba's database open")
    g.run("vmgenctl metrics --output=/run/vmgen.prom")
    for path in ("/run/vmgen/status.json", "/run/vmgen.prom"):
        t.equal(fault_of(Answer(g, f"cat {path}").out), None, f"{path} is text")


def check_journal(g, t):
    """No blobs, which journalctl(1) does not show, and nothing that it would show raw."""
    lines = Answer(g, "journalctl -q --merge -u vmgend -o json --all").out.decode().splitlines()
    messages = [json.loads(line)["MESSAGE"] for line in lines]
    blobs = [bytes(m) for m in messages if not isinstance(m, str)]
    t.equal((blobs[:1], len(messages) > 20), ([], True), "the journal has text of vmgend only")
    faults = list(filter(None, (fault_of(m) for m in messages if isinstance(m, str))))
    t.equal(faults[:1], [], "none of which is an escape code")
    t.ok(any("SAID" in m for m in messages), "what a hook of his prints is there")
    t.equal([m[:200] for m in messages if "OWNED" in m or "/home/mallory" in m][:3], [],
            "nor what he says of himself")


def check_change(c, t):
    began = time.monotonic()
    status, text = c.execute(f"vmgenctl wait --settled --timeout {SETTLED} 1", SETTLED + 30)
    took = time.monotonic() - began
    t.ok(not status, f"the change is answered (in {took:.0f} s)") or t.note(text)
    run = json.loads(c.run("cat /run/vmgen/status.json"))["last"]
    outcomes = {name: hook["outcome"] for name, hook in run["hooks"].items()}
    t.equal({name: outcome for name, outcome in outcomes.items() if outcome in WAITED}, {},
            "no hook waits for him")
    t.equal(set(outcomes), set(HOOKS), "all hooks have been called")
    for name in ("60-machine-id", "60-ssh-hostkeys", "70-user"):
        t.equal(outcomes[name], "succeeded", f"{name} has done its work")
    slowest = max(run["hooks"], key=lambda name: run["hooks"][name].get("duration_ms", 0))
    say(f"the slowest hook is {slowest}: {run['hooks'][slowest].get('duration_ms')} ms")


def owned(g):
    return g.run("ls -n /var/tmp | grep -E ' owned-[^ ]*$' || true")


def check_owned(g, what, t):
    """What he would have others do leaves a file there; the service manager may be about to."""
    g.wait_for("systemctl list-jobs | grep -q '^No jobs'")
    t.equal(owned(g), "", f"{what}: nothing of his was executed, nor a link of his followed")
    g.run("rm -f /var/tmp/owned-*")


def check_again(g, servers, t):
    """Hooks that he cannot keep waiting any more come to what they do with the rest."""
    for pid in servers:
        g.run(f"kill -KILL {pid}")
    g.wait_for("! grep -sqE '[(]dhclient[)] D ' /proc/[0-9]*/stat")
    ask(g, "vmgenctl trigger --real --timeout 240 --json", t)
    check_owned(g, "the change once more", t)


def check_containers(g, t):
    for given, expected in CONTAINERS.items():
        status, output = g.execute(CONTAINER % given, 120)
        t.equal((status, output.split()[-4:]), (0, expected.split()),
                f"who gets the ID in a container: {' '.join(given)}")


def shm_kib(g):
    return int(g.run("df -k --output=used /dev/shm | tail -n 1"))


def check_number(g, t):
    """A process with the number that vmgend had is not vmgend."""
    g.run(f"cp /usr/local/bin/stranger {HOME}/vmgend; cat >/run/take <<'END'\n{TAKE_PID}END")
    g.run("sh /run/take")
    for command in ("status --json", "check --json"):
        text = Answer(g, f"vmgenctl {command}").out.decode(errors="replace")
        t.ok(re.search(r'"running": ?false|vmgend is not running', text),
             f"{command}: his process with vmgend's number is not vmgend")


def scenario(kernel, t):
    debian = Prebuilt(kernel, PACKAGES, prepare=prepare)
    with debian.boot(new_guid(), memory=768) as g:
        for unit in ("ssh", "NetworkManager", "chrony", "vmgend"):
            g.wait_for(f"systemctl -q is-active {unit}", timeout=120)
        g.run("vmgenctl wait --settled --timeout 240; vmgenctl intent clone", timeout=300)
        # Before he is there: systemd-nspawn waits for his file systems.
        check_containers(g, t)
        servers = settle_in(g)
        check_there(g, t)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        before = shm_kib(c)
        check_change(c, t)
        check_owned(c, "the change", t)
        check_commands(c, t)
        check_owned(c, "the commands", t)
        check_again(c, servers, t)
        check_journal(c, t)
        t.ok(shm_kib(c) < before + 8192, "holes of his files were not filled")
        check_number(c, t)


if __name__ == "__main__":
    tap.main(scenario)
