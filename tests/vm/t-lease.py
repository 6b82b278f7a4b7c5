#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Each client of DHCP asks for its lease again in a clone, and takes another when it has lost it.

Each has a pair of interfaces, the other end of which is in a namespace with the server, whose log
counts what it was asked and has answered. make check has two of the clients; what hooks of all of
them meet where they are stand-ins is in tests/t-leases.sh.
"""

import json
import re

from harness import tap
from harness.debian import Prebuilt, chroot
from harness.scenario import ALL, new_guid, say

PACKAGES = ("dnsmasq-base", "iproute2", "network-manager", "ifupdown", "isc-dhcp-client",
            "dhcpcd-base")
# {its interface: its hook}; the networks are 10.7.N.0/24 in this order.
CLIENTS = {"nwd": "40-networkd", "dh": "40-dhclient"}
# The latter two are of units, one of which is gone when its process is, and the other of which has
# mounts of its own.
if ALL:
    CLIENTS |= {"nm": "40-NetworkManager", "dc": "40-dhcpcd", "udh": "40-dhclient", "udc": "40-dhcpcd"}
HOOKS = ("40-NetworkManager", "40-dhclient", "40-dhcpcd", "40-networkd")
LOG = "/var/log/leases"
SHIPPED, OWN = "usr/lib/vmgen/hooks.d/40-networkd", "etc/vmgen/hooks.d/40-networkd"
# How often it looks for the server's answer; and how often here, so that a busy host has its time.
LOOKS, MORE_LOOKS = "seq 25", "seq 1000"
SERVER = """ip netns exec server dnsmasq --conf-file=/dev/null --port=0 --user=root --no-ping \
--bind-dynamic --dhcp-authoritative --log-dhcp --log-facility={log} --dhcp-option=3 \
--dhcp-leasefile=/run/{name}.leases --pid-file=/run/{name}.pid {ranges}"""
FILES = {
    "etc/systemd/network/nwd.network": "[Match]\nName=nwd\n[Network]\nDHCP=ipv4\n",
    "etc/network/interfaces.d/dh": "iface dh inet dhcp\n",
    # All ask at the same time, and the host may be busy.
    "etc/vmgen/vmgend.conf": "[vmgend]\nhook-timeout = 300\n",
    "etc/NetworkManager/conf.d/test.conf": "[main]\nno-auto-default=*\n",
}
START = {
    "nwd": "systemctl start systemd-networkd",
    "dh": "ifup dh",
    "dc": "dhcpcd -4 dc",
    "udh": "systemd-run --collect --unit=of-udh dhclient -d -pf /run/udh.pid -lf /var/tmp/udh udh",
    "udc": "systemd-run --unit=of-udc --property=Type=forking --property=PIDFile=/run/dhcpcd/udc-4.pid "
           "--property=ProtectSystem=yes dhcpcd -4 udc",
    "nm": "nmcli device set nm managed yes; "
          "nmcli connection add type ethernet ifname nm con-name nm ipv6.method disabled; "
          "nmcli connection up nm",
}


def prepare(root):
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "ascii")
    text = (root / SHIPPED).read_text("ascii")
    if text.count(LOOKS) != 1:
        raise ValueError(f"{SHIPPED} does not look as often as this test knows")
    (root / OWN).parent.mkdir(parents=True, exist_ok=True)
    (root / OWN).write_text(text.replace(LOOKS, MORE_LOOKS), "ascii")
    (root / OWN).chmod(0o755)
    if "nm" in CLIENTS:
        chroot(root, "/", "systemctl enable NetworkManager 2>&1")


def serve(g, name, first):
    """Have a server with no leases hand out the addresses from 10.7.N.FIRST on."""
    ranges = " ".join(f"--dhcp-range=10.7.{i}.{first},10.7.{i}.{first + 9},12h"
                      for i in range(len(CLIENTS)))
    g.run(SERVER.format(log=LOG, name=name, ranges=ranges))


def connect(g):
    g.run("ip netns add server")
    for i, name in enumerate(CLIENTS):
        g.run(f"ip link add {name} type veth peer name s-{name} netns server; "
              f"ip -n server addr add 10.7.{i}.1/24 dev s-{name}; "
              f"ip -n server link set s-{name} up; ip link set {name} up")


def address(g, name):
    return g.run(f"ip -4 -o addr show {name} | sed -nE 's/.* inet ([0-9.]+).*/\\1/p'").strip()


def count(g):
    """How many leases the server has confirmed to each client."""
    return {name: int(g.run(f"grep -c 'DHCPACK(s-{name})' {LOG} || true")) for name in CLIENTS}


def set_up(g):
    connect(g)
    serve(g, "first", 10)
    g.run("; ".join(START[name] for name in CLIENTS), timeout=300)
    for i, name in enumerate(CLIENTS):
        g.wait_for(f"ip -4 -o addr show {name} | grep -q 'inet 10.7.{i}.1[0-9]/'", 300)
    g.run("vmgenctl wait --settled --timeout 240; sync", timeout=300)


def outcomes(g):
    run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
    return {name: hook["outcome"] for name, hook in run["hooks"].items() if name.startswith("4")}


def expected():
    """Hooks without a client have nothing to do."""
    return {hook: "succeeded" if hook in CLIENTS.values() else "not-applicable" for hook in HOOKS}


def check_control(snapshot, guid, t):
    with snapshot.clone(guid=guid) as c:
        before = count(c)
        c.run("sleep 6")    # as long as a hook may wait
        t.equal(count(c), before, "without a change nobody asks")


def check_renewal(c, before, addresses, t):
    c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
    t.equal(outcomes(c), expected(), "all hooks that have a client succeed")
    for name, hook in CLIENTS.items():
        c.wait_for(f"test $(grep -c 'DHCPACK(s-{name})' {LOG}) -gt {before[name]}", 300)
        c.wait_for(f"ip -4 -o addr show {name} | grep -q inet", 300)
        t.equal(address(c, name), addresses[name],
                f"{hook}: the server has confirmed the lease again, with the same address")
    released = c.run(f"grep -c DHCPRELEASE {LOG} || true")
    t.equal(released.strip(), "0", "nobody has given a lease back, which another machine may use")
    say(f"confirmed once more: {count(c)}, before: {before}")


def check_drill(c, t):
    before = count(c)
    output = c.run("vmgenctl trigger --timeout 240; sleep 1", timeout=300)
    t.ok(all(re.search(f"{hook} +succeeded", output) for hook in CLIENTS.values()),
         "a drill succeeds")
    t.equal(count(c), before, "and asks for nothing")


def check_loss(c, t):
    """What happens where the address went to another machine since the snapshot."""
    # An answer that does not come is waited for no longer than the hook that is shipped does.
    c.run(f"rm /{OWN}; kill $(cat /run/first.pid)")
    serve(c, "second", 50)
    t.ok(c.execute("vmgenctl trigger --real --timeout 600", timeout=660)[0] != 0,
         "networkd does not hear that its lease is refused, which is a failure")
    t.equal(outcomes(c), expected() | {"40-networkd": "failed"}, "of its hook alone")
    remedy = re.search(r'"(networkctl reconfigure nwd)"', c.run("journalctl -u vmgend -o cat"))
    t.ok(remedy, "whose message names the remedy")
    c.run(remedy.group(1))
    for i, (name, hook) in enumerate(CLIENTS.items()):
        c.wait_for(f"ip -4 -o addr show {name} | grep -q 'inet 10.7.{i}.5[0-9]/'", 300)
        t.ok(f"10.7.{i}.5" in address(c, name), f"{hook}: a lease that is lost gives way to another")


def check_by_hand(c, t):
    """Nothing tells how it was started."""
    c.run("kill $(cat /run/second.pid); systemctl kill --signal=KILL of-udh; dhclient -x udh")
    serve(c, "third", 70)
    c.run("dhclient udh", timeout=300)
    released = c.run(f"grep -c DHCPRELEASE {LOG} || true")
    status, output = c.execute("VMGEN_EVENT=changed /usr/lib/vmgen/hooks.d/40-dhclient", timeout=300)
    remedy = re.search("(dhclient -x; dhclient) INTERFACE", output)
    if t.ok(status == 1 and remedy, "a dhclient that was started by hand is a failure") or \
            t.note(output):
        before = count(c)["udh"]
        c.run(f"{remedy.group(1)} udh", timeout=300)
        t.ok(count(c)["udh"] > before, "whose message names how to have it ask")
    t.equal(c.run(f"grep -c DHCPRELEASE {LOG} || true"), released, "nor is that lease given back")
    c.run("dhclient -x udh")


def check_failure(c, t):
    """Nobody answers."""
    c.run("kill $(cat /run/third.pid); nmcli connection modify nm ipv4.dhcp-timeout 3")
    status, output = c.execute("VMGEN_EVENT=changed /usr/lib/vmgen/hooks.d/40-NetworkManager",
                               timeout=300)
    t.ok(status == 1 and "activation failed" in output,
         "a connection that cannot be activated again is a failure") or t.note(output)


def scenario(kernel, t):
    guid = new_guid()
    with Prebuilt(kernel, PACKAGES, prepare=prepare).boot(guid) as g:
        set_up(g)
        before, addresses = count(g), {name: address(g, name) for name in CLIENTS}
        snapshot = g.snapshot()
    t.ok(all(before.values()), "each client has a lease")
    check_control(snapshot, guid, t)
    with snapshot.clone(guid=new_guid()) as c:
        check_renewal(c, before, addresses, t)
        check_drill(c, t)
        check_loss(c, t)
        if ALL:
            check_by_hand(c, t)
            check_failure(c, t)


if __name__ == "__main__":
    tap.main(scenario)
