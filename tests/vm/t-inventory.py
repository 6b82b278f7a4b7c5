#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a copy has twice is in the inventory: two installations of the same packages and two clones
of one of them are compared, before and after the hooks of identity.
"""

import base64
import gzip
import json
import uuid

from harness import comparison, installation, tap
from harness.debian import chroot
from harness.installation import Installation
from harness.scenario import new_guid, say, seed

# Each because of something that it makes for itself, or might. What all of these start at once
# takes an emulated machine long, so they are in groups.
GROUPS = {
    "hosts": """
        bind9 containerd dhcpcd-base docker.io ifupdown isc-dhcp-client lvm2 mdadm
        miniupnpd monit munge network-manager nfs-kernel-server nsd nvme-cli open-iscsi
        openssh-server popularity-contest postsrsd snmpd softhsm2
        ssl-cert syncthing systemd-homed tang targetcli-fb tgt tor""",
    "servers": """
        dovecot-core ejabberd etcd-server glusterfs-server libvirt-daemon-system
        mariadb-server openvswitch-switch postgresql prosody rabbitmq-server redis-server
        samba slapd unbound winbind xrdp yggdrasil""",
    "agents": """
        bacula-fd burp certmonger cfengine3 cloud-init cockpit-ws cups-daemon curl fwupd
        mandos-client puppet-agent snapd transmission-daemon""",
}
# {kernel of the release: {group: what is only there}}
BESIDE = {"6.1": {"agents": "lxd netdata-core"},
          "6.12-trixie": {"agents": "incus", "servers": "valkey-server"}}
# {kernel of the release: the groups that have been run to their end there}: the others take hours.
TRIED = {"6.1": ("hosts", "servers", "agents"), "6.12-trixie": ("hosts",)}
# With the packages of the hooks of identity. In the others' clones nothing is renewed.
RENEWED = ("hosts",)
CONF = "/etc/vmgen/hooks.conf.d"
# {its interface: the client of DHCP there}
CLIENTS = {"dh": "dhclient, by ifupdown", "dc": "dhcpcd", "nm": "NetworkManager", "nwd": "networkd"}
FILES = {
    # As Debian's installer writes them: servers look for the address of their own name.
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 debian\n",
    "etc/network/interfaces": "auto lo\niface lo inet loopback\nauto dh\niface dh inet dhcp\n",
    "etc/systemd/system/dc.service": "[Unit]\nWants=sys-subsystem-net-devices-dc.device\n"
                                     "After=sys-subsystem-net-devices-dc.device\n"
                                     "[Service]\nExecStart=/usr/sbin/dhcpcd -B dc\n"
                                     "[Install]\nWantedBy=multi-user.target\n",
    "etc/NetworkManager/conf.d/test.conf": "[main]\nno-auto-default=*\n[keyfile]\n"
                                           "unmanaged-devices=except:interface-name:nm\n",
    "etc/systemd/network/20-nwd.network": "[Match]\nName=nwd\n[Network]\nDHCP=ipv4\n",
    # An emulated machine is slow, and starts all of these at once.
    "etc/systemd/system.conf.d/slow.conf": "[Manager]\nDefaultTimeoutStartSec=600\n",
    "etc/vmgen/vmgend.conf": "[vmgend]\nhook-timeout = 600\n",
    "var/lib/cloud/seed/nocloud/user-data": "#cloud-config\n{}\n",
}
MASKED = ("NetworkManager-wait-online", "systemd-networkd-wait-online", "apt-daily.timer",
          "man-db.timer", "logrotate.timer")
# As far as they are there.
ENABLED = ("dc", "systemd-networkd", "syncthing@root", "systemd-homed")
# Several want port 53; others fail without what an administrator sets up, and try again for ever.
# What they have for themselves was made when they were installed.
DISABLED = ("nsd", "postsrsd", "unbound")
# Erlang takes longer to start in an emulated machine than systemd waits, more than ten minutes.
DISABLED += ("ejabberd", "rabbitmq-server")
# {what an administrator makes, and what begins with its first use: command}, of each group.
MADE = {
    "hosts": {
        "a volume group": "truncate -s 64M /srv/pv && "
                          "vgcreate -q vg $(losetup -f --show /srv/pv) >/dev/null",
        "a RAID": "truncate -s 64M /srv/md && modprobe raid1; mdadm --create /dev/md0 --run "
                  "--level=1 --raid-devices=2 missing $(losetup -f --show /srv/md)",
        "the key of credentials": "systemd-creds setup",
        "a token of PKCS#11": "softhsm2-util --init-token --free --label a --so-pin 1234 "
                              "--pin 1234",
    },
    "servers": {
        "a node of a cluster of redis": "echo cluster-enabled yes >>/etc/redis/redis.conf && "
                                        "systemctl restart redis-server",
        "a peer of a pool": "systemctl start glusterd && gluster system:: uuid get",
        "an address in a mesh": "yggdrasil -genconf >/etc/yggdrasil/yggdrasil.conf",
    },
    "agents": {
        "a first look by a browser": "curl -sk https://127.0.0.1:9090/ >/dev/null",
        "firmware": "systemctl start fwupd",
    },
}
# Those that no file tells: their commands are run here, as far as they are there.
SHOWN = ("filesystem-uuid", "mdadm-array", "postgresql")
SAME = "the same still"


def prepare(root):
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "ascii")
    # What the host tells each machine.
    (root / "var/lib/cloud/seed/nocloud/meta-data").write_text(
        f"instance-id: i-{uuid.uuid4()}\n", "ascii")
    for number, name in enumerate(CLIENTS, 1):
        (root / f"etc/systemd/network/10-{name}.link").write_text(
            f"[Match]\nMACAddress=52:54:00:00:01:{number:02x}\n[Link]\nName={name}\n", "ascii")
    connection = root / "etc/NetworkManager/system-connections/nm.nmconnection"
    connection.parent.mkdir(parents=True, exist_ok=True)
    connection.write_text("[connection]\nid=nm\ntype=ethernet\ninterface-name=nm\n"
                          "[ipv4]\nmethod=auto\n[ipv6]\nmethod=auto\n", "ascii")
    connection.chmod(0o600)
    chroot(root, "/", f"systemctl mask {' '.join(MASKED)} 2>&1; "
           f"for unit in {' '.join(ENABLED)}; do systemctl enable $unit 2>&1 || :; done; "
           f"for unit in {' '.join(DISABLED)}; do systemctl disable $unit 2>&1 || :; done; "
           f"sed -i 's/^enabled = no/enabled = yes/' {CONF}/60-*.conf")


def files(g):
    """{path: digest} of the guest; the machine ID in a path is taken for a word."""
    packed = g.run(f"{{ {installation.LIST}; }} >/run/list; gzip -c /run/list | base64",
                   timeout=1800)
    text = gzip.decompress(base64.b64decode(packed)).decode("utf-8", "surrogateescape")
    found = dict(line.rsplit("\t", 1) for line in text.splitlines())
    for identity in comparison.inventory():
        if identity.name in SHOWN:
            status, output = g.execute(identity.command, timeout=300)
            if status == 0:
                found[f"command: {identity.command}"] = output
    own = g.run("cat /etc/machine-id").strip()
    return {path.replace(own, "MACHINE-ID"): value for path, value in found.items()}


def first_boot(debian, group, t):
    """A guest that has been on for as long as all starts; vmgend is among them."""
    devices = tuple(f"virtio-net-pci,netdev={name},mac=52:54:00:00:01:{number:02x},romfile="
                    for number, name in enumerate(CLIENTS, 1))
    g = debian.boot(new_guid(), memory=2048, cpus=2, devices=devices,
                    netdevs=tuple(f"user,id={name},restrict=on" for name in CLIENTS))
    began = g.uptime()
    g.wait_for("systemctl is-system-running | grep -Eq 'running|degraded'", timeout=3000)
    for what, command in MADE.get(group, {}).items():
        status, output = g.execute(command, timeout=300)
        t.equal(status, 0, f"it makes {what}") or t.note(output)
    say(f"all was started after {g.uptime() - began:.0f} s; failed: "
        f"{g.run('systemctl --failed --plain --no-legend | cut -d. -f1').split()}")
    return g


def settle(c):
    """Have the clone be one; returns {hook: outcome} of band 60."""
    c.run("vmgenctl intent clone; systemctl start vmgend; "
          "vmgenctl wait --settled --timeout 3000 1 || [ $? = 8 ]", timeout=3060)
    run = json.loads(c.run("vmgenctl history --json | tail -n 1"))
    return {name: hook["outcome"] for name, hook in run["hooks"].items() if name[:2] == "60"}


def clone(snapshot, group):
    """(files before the hooks of identity, after them, outcomes of these, what vmgenctl lists)"""
    with snapshot.clone(guid=new_guid()) as c:
        before = files(c)
        listed = json.loads(c.run("vmgenctl identity list --json"))["identities"]
        outcomes, after = (settle(c), files(c)) if group in RENEWED else ({}, before)
        return before, after, outcomes, {item["name"]: item for item in listed}


def check_known(found, t):
    left = comparison.unknown(found, comparison.inventory(), comparison.reasons())
    if not t.equal(len(left), 0, "all that was found is in the inventory, or has a reason why not"):
        t.note("\n".join(left))


def sort_out(paths, clones):
    """{what became of those in the clones: paths}"""
    became = {SAME: [], "another in each": [], "gone": []}
    for path in paths:
        values = [c[1].get(path) for c in clones]
        became[SAME if values[0] == values[1] and values[0] else
               "gone" if not any(values) else "another in each"].append(path)
    return became


def check_hook(identity, paths, clones, t):
    """Prints the comparison of the clones before and after band 60."""
    after = sort_out(paths, clones)
    say(f"{identity.name}: before band 60 the same in both clones; after it " +
        "; ".join(f"{what}: {' '.join(some)}" for what, some in after.items() if some) +
        (f" ({identity.renewal})" if after[SAME] else ""))
    if identity.hook:
        outcomes = [c[2].get(identity.hook) for c in clones]
        t.equal((outcomes, after[SAME]), (["succeeded"] * 2, []),
                f"{identity.hook} renews {identity.name}")


def check_listed(identity, paths, clones, t):
    listed = clones[0][3].get(identity.name, {}).get("state")
    if not t.equal(listed, "here", f"vmgenctl identity list shows {identity.name}"):
        t.note("\n".join(paths))


def compare(kernel, group, t):
    """The paths of what was found with the packages of a group."""
    packages = GROUPS[group].split() + BESIDE[kernel].get(group, "").split()
    one = Installation(kernel, packages, 1, prepare)
    with first_boot(one, group, t) as g:
        here = {**one.usr, **files(g)}
        # Clones must answer the change when they are told to.
        g.run("systemctl stop vmgend; sync")
        seed(g)
        snapshot = g.snapshot()
    clones = [clone(snapshot, group) for _ in range(2)]
    other = Installation(kernel, packages, 2, prepare)
    with first_boot(other, group, t) as g:
        elsewhere = {**other.usr, **files(g)}
    found = comparison.candidates(here, elsewhere, [{**one.usr, **c[0]} for c in clones])
    say(f"{group}: {len(here)} files, {len(found)} that differ from the other installation and are "
        "the same in both clones")
    check_known(found, t)
    for identity in comparison.inventory():
        paths = [path for path in found if identity.has(path)]
        if not paths:
            continue
        if group in RENEWED:
            check_hook(identity, paths, clones, t)
        else:
            say(f"{identity.name}: the same in both clones: {' '.join(paths)}")
        check_listed(identity, paths, clones, t)
    return found


def scenario(kernel, t):
    release = {"6.1": "12", "6.12-trixie": "13"}[kernel]
    found = [path for group in TRIED[kernel] for path in compare(kernel, group, t)]
    for identity in comparison.inventory():
        if identity.found_in(release):
            t.ok(any(identity.has(path) for path in found), f"{identity.name} was found")


if __name__ == "__main__":
    tap.main(scenario)
