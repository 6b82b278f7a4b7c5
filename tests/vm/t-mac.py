#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A live clone whose network cards get other MAC addresses from the host: what the drivers tell the
guest of it, which is nothing, and the ways by which a host does, at which each client of DHCP asks
with the new address."""

import dataclasses
import time

from harness import agent, drivers, kernel as kernels, tap
from harness.debian import Prebuilt
from harness.scenario import boot, new_guid, say

PACKAGES = ("ifupdown", "iproute2", "isc-dhcp-client", "network-manager", "qemu-guest-agent")
OLD, NEW, NEWER = "52:54:00:00:07:{:02x}", "52:54:00:00:08:{:02x}", "52:54:00:00:09:{:02x}"
MODELS = {"virtio-net-pci": "virtio_net", "e1000": "e1000"}
# Whose reset takes it from the host's arguments, and not from the snapshot.
TOLD = ("virtio-net-pci",)
BUSES = {"virtio-net-pci": "virtio", "e1000": "pci"}
# By the slot of their cards.
CLIENTS = {"ens16": "systemd-networkd", "ens17": "NetworkManager", "ens18": "ifupdown with dhclient"}
FILES = {
    "etc/systemd/network/ens16.network": "[Match]\nName=ens16\n[Network]\nDHCP=ipv4\n",
    "etc/NetworkManager/conf.d/test.conf":
        "[keyfile]\nunmanaged-devices=interface-name:*,except:interface-name:ens17\n",
    "etc/network/interfaces.d/ens18": "allow-hotplug ens18\niface ens18 inet dhcp\n",
    # All ask at the same time, and the host may be busy.
    "etc/vmgen/vmgend.conf": "[vmgend]\nhook-timeout = 300\n",
}
PATIENCE = 120


def prepare(root):
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "ascii")
    wants = root / "etc/systemd/system/multi-user.target.wants"
    for unit in ("systemd-networkd", "NetworkManager", "networking"):
        (wants / f"{unit}.service").symlink_to(f"/lib/systemd/system/{unit}.service")


# ---- what a driver tells ----------------------------------------------------------------------


def mac(g, interface="eth0"):
    return g.run(f"cat /sys/class/net/{interface}/address").strip()


def card(model, address, number=0):
    return f"{model},id=card{number},netdev=net{number},mac={address},addr={16 + number:#x},romfile="


def check_driver(kernel, model, t):
    old, new = OLD.format(0), NEW.format(0)
    files = drivers.files(kernels.load(kernel), ("virtio_pci", MODELS[model]))
    with boot(kernel, load=False, files=files, netdevs=("user,id=net0",),
              devices=(card(model, old),)) as g:
        g.run(f"{drivers.LOAD}; ip link set eth0 up")
        snapshot = g.snapshot()
    arguments = [argument.replace(old, new) for argument in snapshot.arguments]
    with dataclasses.replace(snapshot, arguments=arguments).clone() as c:
        c.run("ip link set eth0 down; ip link set eth0 up")
        t.equal(mac(c), old, f"{model}: a clone with another mac= goes on with the old address")
        driver = f"/sys/bus/{BUSES[model]}/drivers/{MODELS[model]}"
        device = c.run("basename $(readlink /sys/class/net/eth0/device)").strip()
        c.run(f"echo {device} >{driver}/unbind; echo {device} >{driver}/bind")
        c.wait_for("test -e /sys/class/net/eth0/address")
        t.equal(mac(c), new if model in TOLD else old,
                f"{model}: a driver that begins anew finds {'the new' if model in TOLD else 'the old'} one")
        replace(c, model, new)
        t.equal(mac(c), new, f"{model}: one that is taken out and put in has the new one")


def replace(c, model, address, number=0):
    """The host takes a card out and puts one in, which the guest has to agree to."""
    c.ask("device_del", id=f"card{number}")
    gone, deadline = False, time.monotonic() + PATIENCE
    while not gone:
        names = [item["name"] for item in c.ask("qom-list", path="/machine/peripheral")]
        gone = f"card{number}" not in names
        if time.monotonic() > deadline:
            raise c.error("the guest does not let go of a card")
        time.sleep(0.05)
    c.ask("device_add", driver=model, id=f"card{number}", netdev=f"net{number}", mac=address,
          addr=f"{16 + number:#x}", romfile="")
    c.wait_for(f"grep -q {address} /sys/class/net/*/address")


# ---- what the clients do ----------------------------------------------------------------------


def address_of(g, interface):
    return g.run(f"ip -4 -o addr show {interface} | sed -nE 's/.* inet ([0-9.]+).*/\\1/p'").strip()


def wait_for_lease(c, interface, old, patience=PATIENCE):
    """QEMU's server has another address for each MAC address."""
    begun = time.monotonic()
    status, _ = c.execute(f"for i in $(seq {patience * 5}); do ip -4 -o addr show {interface} | "
                          f"grep 'inet 10[.]7[.]' | grep -v -q ' {old}/' && exit; sleep 0.2; done; exit 1",
                          timeout=4 * patience)
    return time.monotonic() - begun if not status else None


def check_replaced(c, addresses, t):
    for number, (interface, client) in enumerate(CLIENTS.items()):
        replace(c, "virtio-net-pci", NEW.format(number), number)
        took = wait_for_lease(c, interface, addresses[interface])
        t.ok(took is not None and mac(c, interface) == NEW.format(number),
             f"{client}: a card with another MAC address gets an address of its own")
        say(f"{client}: {addresses[interface]}, then {address_of(c, interface)}, after {took or 0:.1f} s")


def check_told(c, t):
    """The host has the agent of the guest set the address."""
    before = {interface: address_of(c, interface) for interface in CLIENTS}
    for number, interface in enumerate(CLIENTS):
        agent.ask("guest-exec", path="/sbin/ip",
                  arg=["link", "set", interface, "address", NEWER.format(number)])
        c.wait_for(f"grep -q {NEWER.format(number)} /sys/class/net/{interface}/address")
    c.execute("vmgenctl trigger --real --timeout 600", timeout=660)
    for interface, client in CLIENTS.items():
        took = wait_for_lease(c, interface, before[interface])
        t.ok(took is not None, f"{client}: so does one that the guest agent has set, and the hooks")
        say(f"{client}: {before[interface]}, then {address_of(c, interface)}")


def check_clients(kernel, t):
    netdevs = (f"user,id=net{i},net=10.7.{i}.0/24" for i in range(len(CLIENTS)))
    cards = (card("virtio-net-pci", OLD.format(i), i) for i in range(len(CLIENTS)))
    with Prebuilt(kernel, PACKAGES, prepare=prepare).boot(
            new_guid(), devices=(*cards, *agent.DEVICES), netdevs=tuple(netdevs),
            chardevs=agent.CHARDEVS) as g:
        for interface in CLIENTS:
            g.wait_for(f"ip -4 -o addr show {interface} | grep -q inet", 300)
        addresses = {interface: address_of(g, interface) for interface in CLIENTS}
        g.wait_for("systemctl is-active --quiet qemu-guest-agent", 300)
        g.run("vmgenctl wait --settled --timeout 240; sync", timeout=300)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
        t.equal({interface: address_of(c, interface) for interface in CLIENTS}, addresses,
                "a clone with the old MAC addresses keeps the addresses")
        check_replaced(c, addresses, t)
        check_told(c, t)


def scenario(kernel, t):
    for model in MODELS:
        check_driver(kernel, model, t)
    check_clients(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
