#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What services of a whole Debian keep in clones and restores of it: TLS ticket keys, SSH host
keys, the machine ID, session keys of a tunnel; and the hooks that give them new ones, or must not."""

import json
import os
import re
import time

from harness import readme, tap
from harness.debian import Prebuilt, chroot
from harness.scenario import new_guid, say, seed

LONG = os.environ.get("VMGEN_LONG")     # make check-hooks
HOOKS = "/usr/lib/vmgen/hooks.d"
SSH, MACHINE_ID, RESTART = "60-ssh-hostkeys", "60-machine-id", "80-restart-units"
LIST = "/etc/vmgen/restart-units"
ID = "0123456789abcdef0123456789abcdef"
SITE = """server {
    listen 127.0.0.1:443 ssl;
    ssl_certificate /etc/nginx/certificate;
    ssl_certificate_key /etc/nginx/key;
}
"""
REQUEST = r"printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:443 -ign_eof"
BY_HAND = f"VMGEN_EVENT=changed VMGEN_ID_HASH=%s VMGEN_INTENT=%s VMGEN_HINT=%s {HOOKS}/{SSH}"
# Stands for a tunnel, which says goodbye under its keys when it may.
TUNNEL = "openvpn-client@office.service"
UNIT = """[Service]
ExecStartPre=/bin/rm -f /run/tunnel
ExecStart=/bin/sh -c 'trap "echo >>/run/goodbye; exit" TERM; echo >/run/tunnel; while :; do sleep 1; done'
ExecStartPost=/bin/sh -c 'while [ ! -e /run/tunnel ]; do sleep 1; done'
"""
# Kills all of the hook instead of the nth rename or sync; n grows until there is none. Each time
# the key can be read, sshd takes it, and the next run ends with another one.
KILLS = r"""set -e
mkdir /tmp/kill
for program in mv sync; do
	cat >/tmp/kill/$program <<-'PROGRAM'
		#!/bin/sh
		echo >>/tmp/calls
		[ $(wc -l </tmp/calls) != $n ] || kill -KILL 0
		exec /bin/${0##*/} "$@"
	PROGRAM
	chmod 755 /tmp/kill/$program
done
export VMGEN_EVENT=changed VMGEN_INTENT=clone VMGEN_HINT=unknown n=1
while :; do
	: >/tmp/calls
	old=$(cut -d' ' -f2 $KEY.pub)
	export VMGEN_ID_HASH=kill$n
	r=0
	PATH=/tmp/kill:$PATH setsid -w $HOOK >/dev/null 2>&1 || r=$?
	ssh-keygen -y -P '' -f $KEY >/dev/null
	sshd -t
	[ $r != 0 ] || break
	$HOOK >/dev/null
	new=$(cut -d' ' -f2 $KEY.pub)
	[ "$new" != "$old" ]
	[ "$new" = "$(ssh-keygen -y -f $KEY | cut -d' ' -f2)" ]
	[ -z "$(ls /etc/ssh | grep vmgen)" ]
	n=$((n + 1))
done
echo $((n - 1))
"""


def prepare(root):
    chroot(root, "/etc/nginx", "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
           "-nodes -subj /CN=test -keyout key -out certificate 2>&1")
    (root / "etc/nginx/conf.d/tls.conf").write_text(SITE, "ascii")
    (root / "etc/machine-id").write_text(f"{ID}\n", "ascii")
    (root / "etc/systemd/system/openvpn-client@.service").write_text(UNIT, "ascii")
    # networkd has no network to configure here, for which other services would wait.
    chroot(root, "/", "systemctl enable systemd-networkd ssh nginx 2>&1; "
           "systemctl mask systemd-networkd-wait-online 2>&1")


def request(g, options):
    """Whether nginx took the session up ("Reused") or made another one ("New")."""
    output = g.run(f"{REQUEST} {options} 2>/dev/null")
    return re.search("(?m)^(New|Reused),", output).group(1)


def host_keys(g):
    """Those in its files, and the one that sshd shows to a client."""
    return (set(g.run("cut -d' ' -f1,2 /etc/ssh/ssh_host_*_key.pub").splitlines()),
            g.run("ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null").strip().split(" ", 1)[1])


def machine_id(g):
    return g.run("cat /etc/machine-id").strip()


def identity(g):
    return *host_keys(g), machine_id(g)


def settle(g):
    """Have vmgend find the change, as it does at its start; returns how the hooks ended."""
    began = time.monotonic()
    g.run("systemctl start vmgend; vmgenctl wait --settled --timeout 240 1", timeout=300)
    say(f"{g.name}: the hooks took {time.monotonic() - began:.0f} s")
    run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
    return {name: run["hooks"][name]["outcome"] for name in (MACHINE_ID, SSH, RESTART)}


def log(g):
    return g.run("journalctl --merge -q -u vmgend -o cat")


def check_as_shipped(g, t):
    states = {hook["name"]: hook["state"] for hook in
              json.loads(g.run("vmgenctl hooks list --json"))["hooks"]}
    t.equal([states[name] for name in (MACHINE_ID, SSH, RESTART)], ["disabled", "disabled", "on"],
            "as shipped the hooks of identity are off")
    g.run(f"vmgenctl hooks run {RESTART}")
    t.ok("lists no unit" in log(g), "and no unit is listed")


def said_of_units(g):
    _, output = g.execute("vmgenctl check --json")
    return [(f["text"], f["remedy"]) for f in json.loads(output)["findings"]
            if f["name"] == "keys" and "units " in f["text"]]


def restarted(g, command):
    """Whether the tunnel is another process after a command, and whether it has said goodbye."""
    show = f"systemctl show -P MainPID {TUNNEL}"
    before = g.run(f"rm -f /run/goodbye; {show}").strip()
    g.run(command)
    g.wait_for(f"systemctl -q is-active {TUNNEL} && [ $({show}) != {before} ]")
    return g.execute("test -e /run/goodbye")[0] == 0


def check_tunnel(g, t):
    """What the manual says of tunnels, done here as it says."""
    drop_in, guard = readme.blocks("daemon/vmgen-security.7.scd", "## Tunnels in processes")[:2]
    restart = f"VMGEN_EVENT=changed {HOOKS}/{RESTART}"
    t.equal(said_of_units(g), [], "no tunnel runs: no unit is named")
    g.run(f"systemctl start {TUNNEL}")
    text, remedy = said_of_units(g)[0]
    t.ok(text.endswith(f": 1: {TUNNEL}") and LIST in remedy, "one that runs and is not listed is")
    g.run(f"cp -p {LIST} /tmp/list; echo {TUNNEL} >>{LIST}")
    t.ok("say goodbye" in said_of_units(g)[0][0], "one that a restart does not kill is, too")
    t.ok(restarted(g, restart), "for it says goodbye")
    g.run(f"mkdir /etc/systemd/system/{TUNNEL}.d; cat >/etc/systemd/system/{TUNNEL}.d/override.conf "
          f"<<'END'\n{drop_in}END\nsystemctl daemon-reload")
    t.equal(said_of_units(g), [], "with the manual's drop-in nothing is said")
    t.ok(not restarted(g, restart), "and the restart kills it")
    path = re.search("(?m)^# (/etc.*)$", guard).group(1)
    g.run(f"mkdir -p $(dirname {path}); cat >{path} <<'END'\n{guard}END\nchmod 755 {path}")
    t.equal(g.run(f"VMGEN_EVENT=test {path}"), f"would kill {TUNNEL.removesuffix('.service')}\n",
            "the manual's guard says what it would do")
    t.ok(not restarted(g, f"VMGEN_EVENT=changed {path}"), "and kills it, and it starts again")
    g.run(f"systemctl stop {TUNNEL}")
    t.equal(g.execute("test -e /run/goodbye")[0], 0, "a stop remains orderly")
    g.run(f"rm {path}; cp -p /tmp/list {LIST}")


def main_pids(g):
    return g.run("systemctl show -P MainPID nginx ssh").split()


def check_auto(g, t):
    """What a line "auto" stands for on a whole Debian, where systemd tells the main processes."""
    units = g.run("vmgenctl check --units").split()
    t.ok({"nginx.service", "ssh.service"} <= set(units), f"auto finds OpenSSL: {' '.join(units)}")
    t.equal([unit for unit in units if unit.startswith(("dbus", "getty", "systemd-", "vmgen"))], [],
            "and nothing in which it only comes along with libsystemd")
    g.run(f"cp -p {LIST} /tmp/list; printf 'auto\\n!ssh\\n' >>{LIST}; vmgenctl hooks run {RESTART}")
    said = " ".join(("would restart", *(unit for unit in units if unit != "ssh.service")))
    t.ok(f"{said}\n" in log(g), "a drill shows them, without the exception")
    before = main_pids(g)
    g.run(f"VMGEN_EVENT=changed {HOOKS}/{RESTART}")
    t.equal([a == b for a, b in zip(before, main_pids(g), strict=True)], [False, True],
            "a change restarts them, and not the exception")
    _, output = g.execute("vmgenctl check --json")
    said = " ".join(f["text"] for f in json.loads(output)["findings"]
                    if f["name"] in ("openssl", "programs"))
    t.equal([unit for unit in ("nginx.service", "ssh.service") if unit in said],
            ["ssh.service"], "what is restarted is counted, and the exception is named")
    g.run(f"cp -p /tmp/list {LIST}")


def configure(g, t):
    for name in (MACHINE_ID, SSH):
        g.run(f"sed -i 's/^enabled = no/enabled = yes/' /etc/vmgen/hooks.conf.d/{name}.conf")
    g.run(f"printf 'nginx # tickets\\nemergency.service\\n' >>{LIST}")
    t.equal(g.execute("vmgend --check-config"), (0, ""), "their settings are good")
    pid = g.run("systemctl show -P MainPID nginx")
    before = identity(g)
    g.run("systemctl reload vmgend; vmgenctl trigger --timeout 240", timeout=300)
    t.equal(identity(g), before, "a drill changes no identity")
    t.equal(g.run("systemctl show -P MainPID nginx"), pid, "and restarts nothing")
    t.ok("would restart nginx" in log(g), "it says what it would do")
    t.ok("emergency.service is not running (inactive): left alone" in log(g), "and what not")
    t.equal(log(g).count("would be replaced on intent clone"), 4, "three keys and the ID it names")
    t.equal((len(before[0]), before[2]), (3, ID), "there are three host keys, and an ID")
    t.ok(before[1] in before[0], "sshd shows one of the keys")
    return before


def check_said_nothing(c, before, t):
    """Returns a session of this clone, and when it was made."""
    t.equal(request(c, "-sess_out /tmp/session"), "New", "clone A makes a TLS session")
    t.equal(request(c, "-sess_in /tmp/session"), "Reused", "and takes it up again")
    session = c.run("base64 -w0 /tmp/session; echo; date +%s").split()
    pid = c.run("systemctl show -P MainPID nginx")
    outcomes = settle(c)
    t.equal(outcomes, {SSH: "not-applicable", MACHINE_ID: "not-applicable", RESTART: "succeeded"},
            "nobody said that it is a clone: no hook of identity applies")
    t.equal(identity(c), before, "host keys and machine ID stay")
    t.ok(c.run("systemctl show -P MainPID nginx") != pid, "nginx was restarted")
    t.equal(c.run("systemctl is-active emergency || true").strip(), "inactive",
            "what did not run was not started")
    return session


def check_said_afterwards(c, before, t):
    pid = c.run("systemctl show -P MainPID nginx")
    status, _ = c.execute("vmgenctl intent clone --now --timeout 240", timeout=300)
    run = json.loads(c.run("vmgenctl history --json | tail -n 1"))
    t.equal((status, run["intent"]), (0, "clone"), "that it is a clone can be said afterwards")
    t.equal({name: run["hooks"][name]["outcome"] for name in (MACHINE_ID, SSH, RESTART)},
            dict.fromkeys((SSH, MACHINE_ID, RESTART), "succeeded"), "and is on record")
    keys, shown = host_keys(c)
    t.ok(not keys & before[0] and shown in keys and machine_id(c) != ID,
         "host keys and machine ID are others then")
    t.equal(c.run("systemctl show -P MainPID nginx"), pid, "what had run does not run again")
    status, output = c.execute("vmgenctl intent clone --now")
    t.ok(status == 1 and "used for the last change already" in output, "it is said once")


def check_restore(c, before, session, t):
    text, made = session
    c.run(f"base64 -d >/tmp/session <<'END'\n{text}\nEND")
    # A session of the future is none, and this clone may have run for less time.
    c.wait_for(f"test $(date +%s) -ge {made}")
    t.equal(request(c, "-sess_in /tmp/session"), "Reused",
            "clone B takes up a session of clone A before the hook ran")
    c.run(f"echo no-such >>{LIST}; vmgenctl intent restore")
    outcomes = settle(c)
    t.equal(request(c, "-sess_in /tmp/session"), "New", "and does not after it")
    t.equal(request(c, "-sess_out /tmp/own"), "New", "it makes sessions")
    t.equal(request(c, "-sess_in /tmp/own"), "Reused", "and takes up its own")
    t.equal(outcomes, {SSH: "not-applicable", MACHINE_ID: "not-applicable", RESTART: "failed"},
            "a list that names a unit which is not there is a failure")
    line = c.run(f"wc -l <{LIST}").strip()
    t.ok(f"{LIST}, line {line}: there is no unit no-such" in log(c), "which says where")
    t.equal(identity(c), before, "intent restore: host keys and machine ID stay")


def check_clone(c, before, t):
    c.run("vmgenctl intent clone")
    networkd = c.run("systemctl show -P MainPID systemd-networkd")
    outcomes = settle(c)
    t.equal(outcomes, dict.fromkeys((SSH, MACHINE_ID, RESTART), "succeeded"),
            "intent clone: all hooks apply")
    keys, shown = host_keys(c)
    t.equal((len(keys), keys & before[0]), (3, set()), "there are three other host keys")
    t.ok(shown in keys, "and sshd shows one of those")
    t.equal(c.run("ls /etc/ssh | grep -c vmgen || true").strip(), "0", "nothing else is left there")
    check_fingerprints(c, before[0], keys, t)
    check_machine_id(c, networkd, t)


def check_fingerprints(c, before, keys, t):
    def fingerprints(lines):
        text = "\n".join(lines)
        return [line.split()[1] for line in
                c.run(f"ssh-keygen -l -f - <<'END'\n{text}\nEND").splitlines()]
    text = log(c)
    named = [(old, new) for old in fingerprints(before) for new in fingerprints(keys)
             if f"{old} becomes {new}" in text]
    t.equal(len(named), 3, "the log has the fingerprint of each, with that of the old one")


def check_machine_id(c, networkd, t):
    new = machine_id(c)
    t.ok(len(new) == 32 and new != ID, "the machine ID is another one")
    c.run("systemd-cat echo said afterwards; journalctl --sync")
    t.ok("said afterwards" in c.run("journalctl -q -n 50 -o cat"),
         "journalctl shows what is logged under it")
    t.equal(c.run("ls /run/log/journal /var/log/journal 2>/dev/null || true").split().count(new), 1,
            "which has a directory of its own")
    t.ok(c.run("systemctl show -P MainPID systemd-networkd") != networkd, "networkd was restarted")
    t.ok("reboot when that is possible" in log(c), "for the others the log asks for a reboot")


def check_again(c, t):
    """By hand: the same run once more, and hints."""
    keys = host_keys(c)
    done = json.loads(c.run("vmgenctl history --json | tail -n 1"))["id_hash"]
    c.run(BY_HAND % (done, "clone", "unknown"))
    t.equal(host_keys(c), keys, "the same run once more changes nothing")
    t.equal(c.execute(BY_HAND % ("another", "''", "clone"))[0], 77, "nor does a hint")
    status, output = c.execute(BY_HAND % ("another", "clone", "rollback"))
    t.ok(status == 1 and "are those of a rollback" in output, "a hint against the intent stops it")
    t.equal(host_keys(c), keys, "the keys are the same")


def check_kills(c, t):
    keys = host_keys(c)[0]
    # An RSA key takes long to make; with that, only keys that sshd is configured for change.
    c.run("echo 'HostKey /etc/ssh/ssh_host_ed25519_key' >/etc/ssh/sshd_config.d/one.conf; sync")
    c.run(f"cat >/tmp/kills <<'END'\n{KILLS}END")
    output = c.run(f"HOOK={HOOKS}/{SSH} KEY=/etc/ssh/ssh_host_ed25519_key sh /tmp/kills", 240)
    t.equal(output.splitlines()[-1:], ["4"], "killed at any rename or sync, all keys can be used")
    files, shown = host_keys(c)
    t.equal((len(files & keys), shown in files - keys), (2, True),
            "sshd shows the last one, and those that it is not configured for are as they were")


def check_boot(debian, disk, t):
    with debian.boot(new_guid(), disk) as g:
        g.wait_for("ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null | grep -q .", timeout=120)
        files, shown = host_keys(g)
        t.ok(shown in files, "after a power cut sshd has the key of the last run")
        new = machine_id(g)
        t.ok(new == g.run("systemd-id128 machine-id").strip() != ID, "and the machine ID stays")
        run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
        t.equal((run["event"], SSH in run["hooks"], MACHINE_ID in run["hooks"]),
                ("boot-changed", False, False), "a boot with another ID runs no hook of identity")
        g.run("vmgenctl intent clone; vmgenctl trigger --real --timeout 240", timeout=300)
        t.ok(host_keys(g)[1] not in files and machine_id(g) != new, "intent and trigger do")


def scenario(kernel, t):
    debian = Prebuilt(kernel, ("nginx", "openssh-server", "openssl"), prepare=prepare)
    with debian.boot(new_guid()) as g:
        for unit in ("nginx", "ssh", "systemd-networkd", "vmgend"):
            g.wait_for(f"systemctl -q is-active {unit}", timeout=120)
        check_as_shipped(g, t)
        check_tunnel(g, t)
        check_auto(g, t)
        before = configure(g, t)
        # Clones must answer the change when they are told to.
        g.run("systemctl stop vmgend; sync")
        seed(g)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        session = check_said_nothing(c, before, t)
        check_said_afterwards(c, before, t)
    with snapshot.clone(guid=new_guid()) as c:
        check_restore(c, before, session, t)
    with snapshot.clone(guid=new_guid()) as c:
        check_clone(c, before, t)
        check_again(c, t)
        if LONG:
            check_kills(c, t)
        disk = c.disk
    if LONG:
        check_boot(debian, disk, t)


if __name__ == "__main__":
    tap.main(scenario)
