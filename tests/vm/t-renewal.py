#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Hooks that renew identities, with the real packages: what clones of a Debian call themselves
to targets of iSCSI and NVMe, a server of DHCP, an SNMP manager and clients of container engines.

One clone begins with the memory of the original, the other with its disk.
"""

import json
import re

from harness import hostword, kernel as kernels, tap
from harness.debian import Prebuilt, chroot, find_modules, other_machine
from harness.scenario import new_guid, say, seed

PACKAGES = ("dbus", "dhcpcd-base", "dnsmasq-base", "docker.io", "containerd", "ifupdown",
            "iproute2", "isc-dhcp-client", "nvme-cli", "open-iscsi", "openssh-server", "snmp",
            "snmpd", "ssl-cert", "tgt")
MODULES = ("iscsi_tcp", "nvme_tcp", "nvmet_tcp", "qemu_fw_cfg")
HOOKS = ("60-container-engine", "60-dhcp-duid", "60-hostname", "60-iscsi-initiator",
         "60-nvme-host", "60-snmp-engine")
DIRECTORY = "/usr/lib/vmgen/hooks.d"
# More often than three times a minute its unit may not.
RESTART_DOCKER = "systemctl reset-failed docker; systemctl restart docker"
IN_USE = ("60-iscsi-initiator", "60-nvme-host")
ENGINE = ".1.3.6.1.6.3.10.2.1.1.0"      # snmpEngineID.0
TARGET, SUBSYSTEM = "iqn.2026-01.example:disk", "nqn.2026-01.example:disk"
LOG = "/var/log/leases"
SERVER = f"""ip netns exec server dnsmasq --conf-file=/dev/null --port=0 --user=root --no-ping \
--bind-dynamic --dhcp-authoritative --log-dhcp --log-facility={LOG} --dhcp-option=3 \
--dhcp-leasefile=/run/server.leases --pid-file=/run/server.pid \
--dhcp-range=10.7.1.10,10.7.1.99,12h --dhcp-range=10.7.2.10,10.7.2.99,12h \
--dhcp-range=10.7.3.10,10.7.3.99,12h \
--dhcp-range=fd07::10,fd07::ff,64,12h"""
# Its client, and an address of the server.
LINKS = {"dh": "fd07::1/64", "dc": "10.7.1.1/24", "udc": "10.7.2.1/24",
         "idc": "10.7.3.1/24"}
# Interfaces with a server behind them; the link-local address of one takes its time.
CONNECT_LINKS = "set -e; ip netns add server\n" + "".join(
    f"ip link add {name} type veth peer name s-{name} netns server\n"
    f"ip -n server addr add {address} dev s-{name} nodad\n"
    f"ip -n server link set s-{name} up; ip link set {name} up\n"
    for name, address in LINKS.items()) + f"""{SERVER}
until ip -6 -o addr show dh scope link -tentative | grep -q fe80; do sleep 0.1; done
"""
FILES = {
    "etc/hostname": "web\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 web.example web\n192.0.2.7 web.example web\n",
    # ifupdown takes dhclient where that is there, and dhcpcd by itself only without it.
    "etc/network/interfaces.d/veth": "auto dh dc idc\niface dh inet6 dhcp\niface dc inet dhcp\n"
                                     "iface idc inet manual\n\tup dhcpcd -4 idc\n",
    # As Debian 13 has it: by the DUID over IPv4, too.
    "etc/dhcpcd.conf": "duid\npersistent\nnoipv6\n",
    "etc/snmp/snmpd.conf": "rocommunity public 127.0.0.1\nagentaddress udp:127.0.0.1:161\n",
    "etc/docker/daemon.json": '{"bridge": "none", "iptables": false, "storage-driver": "vfs"}\n',
    "etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\n",
    # Services start slowly in an emulated machine.
    "etc/systemd/system.conf.d/slow.conf": "[Manager]\nDefaultTimeoutStartSec=300\n",
    "etc/links": CONNECT_LINKS,
    # In no order with vmgend: clients have to wait for that, and not for this.
    "etc/systemd/system/links.service": "[Unit]\nDefaultDependencies=no\nAfter=local-fs.target\n"
                                        "Before=networking.service udc.service\n"
                                        "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                                        "ExecStart=sh /etc/links\n"
                                        "[Install]\nWantedBy=multi-user.target\n",
    "etc/systemd/system/udc.service": "[Service]\nType=forking\nPIDFile=/run/dhcpcd/udc-4.pid\n"
                                      "ExecStart=dhcpcd -4 udc\n"
                                      "[Install]\nWantedBy=multi-user.target\n",
}
SUBSYSTEM_PATH = f"/sys/kernel/config/nvmet/subsystems/{SUBSYSTEM}"
PORT = "/sys/kernel/config/nvmet/ports/1"
CONNECT = f"nvme connect -t tcp -a 127.0.0.1 -s 4420 -n {SUBSYSTEM}"
NVME = f"""set -e
modprobe -a nvmet_tcp nvme_tcp
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
mkdir {SUBSYSTEM_PATH} {PORT}
echo 1 >{SUBSYSTEM_PATH}/attr_allow_any_host
for line in adrfam=ipv4 traddr=127.0.0.1 trsvcid=4420 trtype=tcp; do
	echo ${{line#*=}} >{PORT}/addr_${{line%=*}}
done
ln -s {SUBSYSTEM_PATH} {PORT}/subsystems/disk
{CONNECT}
"""
ISCSI = f"""set -e
tgtadm --lld iscsi --op new --mode target --tid 1 -T {TARGET}
tgtadm --lld iscsi --op bind --mode target --tid 1 -I ALL
modprobe iscsi_tcp
iscsiadm -m discovery -t sendtargets -p 127.0.0.1
iscsiadm -m node --loginall=all"""
STARTED = ("containerd", "docker", "snmpd", "tgt")
# What goes by these identities at a boot.
USERS = ("networking", "udc", "iscsid", "nvmf-autoconnect", "containerd", "docker", "snmpd")


def prepare(kernel):
    def change(root):
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, "ascii")
        for name in HOOKS:
            path = root / f"etc/vmgen/hooks.conf.d/{name}.conf"
            path.write_text(path.read_text("ascii").replace("enabled = no", "enabled = yes"),
                            "ascii")
        modules = next((root / "lib/modules").iterdir())
        for path in find_modules(kernel, MODULES):
            (modules / path.name).write_bytes(path.read_bytes())
        chroot(root, "/", f"depmod {modules.name}; rm -f /var/lib/dhcpcd/* /var/lib/dhcp/*; "
               f"systemctl disable networking ssh open-iscsi {' '.join(STARTED)} 2>&1")
    return change


def get_leases(g):
    g.run("systemctl start links; ifup dh dc idc; systemctl start udc", timeout=300)
    for name in LINKS:
        g.wait_for(f"ip -o addr show {name} scope global | grep -q inet", 300)


def start_services(g):
    g.run(f"systemctl start {' '.join(STARTED)}", timeout=300)
    g.wait_for(f"snmpget -v2c -c public -Oqv 127.0.0.1 {ENGINE}", 120)
    g.wait_for("docker info -f '{{.ID}}' | grep -q .", 120)


def addresses(g):
    return {name: g.run(f"ip -o addr show {name} scope global | awk '{{print $4}}'").split()
            for name in LINKS}


def duids(g):
    """What the server has given the address to that each client has now."""
    leases = {words[2]: words[4] for words in
              map(str.split, g.run("cat /run/server.leases").splitlines()) if len(words) == 5}
    found = {}
    for name, have in addresses(g).items():
        # Of IPv4 it is behind a type and an IAID, which are of the interface.
        client = leases[have[0].split("/")[0]]
        found[name] = client if name == "dh" else client.split(":", 5)[5]
    return found


def names(g):
    """What this machine calls itself, by its files."""
    return {"iSCSI": g.run("sed -n s/^InitiatorName=//p /etc/iscsi/initiatorname.iscsi").strip(),
            "NVMe": g.run("cat /etc/nvme/hostnqn").strip(),
            "NVMe ID": g.run("cat /etc/nvme/hostid").strip()}


def services(g):
    return {"SNMP": g.run(f"snmpget -v2c -c public -Oqv 127.0.0.1 {ENGINE}").strip(),
            "Docker": g.run("docker info -f '{{.ID}}'").strip(),
            "containerd": g.run("ctr version | sed -n 's/.*UUID: //p'").strip()}


def told(g):
    """What targets are told, of what is logged in."""
    return {"iSCSI": g.run("tgtadm --lld iscsi --op show --mode conn --tid 1 | "
                           "sed -n 's/.*Initiator: //p'").strip(),
            "NVMe": g.run("cat /sys/class/nvme/nvme*/hostnqn").strip(),
            "NVMe ID": g.run("cat /sys/class/nvme/nvme*/hostid").strip()}


def identity(g):
    return {**names(g), **services(g), **{f"DUID of {k}": v for k, v in duids(g).items()}}


def log(g):
    return g.run("journalctl --merge -q -u vmgend -o cat")


def outcomes(g):
    run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
    say(f"{g.name}: {[(name, hook.get('duration_ms')) for name, hook in run['hooks'].items()]}")
    return {name: run["hooks"].get(name, {}).get("outcome") for name in HOOKS}


def by_hand(g, name, change="by-hand"):
    return g.execute(f"VMGEN_EVENT=changed VMGEN_INTENT=clone VMGEN_HINT=unknown VMGEN_NAME= "
                     f"VMGEN_ID_HASH={change} {DIRECTORY}/{name} 2>&1", timeout=300)


def check_others(now, before, t, who):
    for name, value in now.items():
        t.ok(value and value != before[name], f"{who}: {name} is another") or \
            t.note(f"{value}, before {before[name]}")


def check_drill(g, before, t):
    g.run("vmgenctl trigger --timeout 240; true", timeout=300)
    t.equal(identity(g), before, "a drill changes nothing")
    t.ok(log(g).count("would be") >= 4, "and says what would be")


def check_refusals(c, before, t):
    """What is in use stays, and the messages tell what to do."""
    t.equal(outcomes(c), {**dict.fromkeys(HOOKS, "succeeded"),
                          **dict.fromkeys(IN_USE, "failed")}, "live clone: what is in use stays")
    t.equal((names(c), told(c)), ({k: before[k] for k in names(c)}, ) * 2, "with its names")
    text = log(c)
    for remedy in ("iscsiadm -m node --logoutall=all", "nvme disconnect-all"):
        t.ok(f"{remedy}, then: vmgenctl trigger --failed" in text, f"the log says: {remedy}")
        c.run(remedy)
    c.run("vmgenctl trigger --failed --timeout 240", timeout=300)
    t.equal(outcomes(c), dict.fromkeys(HOOKS, "succeeded"), "the remedies have the hooks succeed")
    c.run(f"iscsiadm -m node --loginall=all; {CONNECT}")
    t.equal(told(c), names(c), "targets are told the new names")
    t.ok(c.run("iscsiadm -m session").count(TARGET) == 1, "and let them in")


def check_live(c, before, had, t):
    t.equal(c.run("hostname; cat /etc/hostname; hostnamectl --static").split(), ["web-3"] * 3,
            "live clone: it has the name that the host told")
    t.equal(c.run("getent hosts web-3.example web.example").split(),
            ["127.0.1.1", "web-3.example", "web-3", "192.0.2.7", "web.example", "web"],
            "its own address has it, that of the original stays")
    for name in LINKS:
        c.wait_for(f"ip -o addr show {name} scope global | grep -q inet", 300)
    gone = [address for addresses_ in had.values() for address in addresses_]
    now = addresses(c)
    t.ok(all(len(have) == 1 and have[0] not in gone for have in now.values()),
         f"each client of DHCP has another address, and that alone: {now}, before {had}")
    t.equal(c.run(f"grep -acE 'RELEASE|NAK|DECLINE' {LOG} || true").strip(), "0",
            "no lease of the original was given back, or asked for")
    t.equal(services(c)["Docker"], before["Docker"], "Docker goes on, with the ID that it has read")
    t.ok("docker.service has the old ID until it is restarted" in log(c), "as the log says")
    c.run("systemctl restart containerd docker", timeout=300)
    now = identity(c)
    check_others(now, before, t, "live clone")
    pids = c.run("pidof dhclient dhcpcd")
    status, output = by_hand(c, "60-dhcp-duid", json.loads(
        c.run("vmgenctl history --json | tail -n 1"))["id_hash"])
    t.ok(status == 0 and "becomes" not in output, "the same run once more finds the DUIDs new") or \
        t.note(output)
    say(f"the clients of DHCP: {pids.split()}, {c.run('pidof dhclient dhcpcd').split()}")
    return now


def check_order(c, run, t):
    """Programs that go by an identity start when it is new."""
    started = {unit: int(c.run(f"systemctl show {unit} --value "
                               "--property=InactiveExitTimestampMonotonic")) for unit in USERS}
    say(f"seconds after the hooks: "
        f"{({u: round((at - run['finished_boottime_usec']) / 1e6) for u, at in started.items()})}")
    t.ok(all(at > run["finished_boottime_usec"] for at in started.values()),
         "what goes by the identities has started after the hooks")
    lines = c.run("journalctl -q -b -o short _SYSTEMD_UNIT=docker.service "
                  "+ _SYSTEMD_UNIT=snmpd.service + _COMM=dhclient").splitlines()
    t.equal({line.split()[3] for line in lines}, {"web-4"}, "and logs by the new name")


def check_boot(c, before, live, t):
    c.wait_for("systemctl is-active multi-user.target", 900)
    run = json.loads(c.run("vmgenctl history --json | tail -n 1"))
    t.equal(run["event"], "boot-changed", "booted copy: a change is found")
    t.equal(outcomes(c), dict.fromkeys(HOOKS, "succeeded"), "all hooks succeed")
    t.equal(c.run("hostname; cat /etc/hostname").split(), ["web-4"] * 2, "it has its name")
    check_order(c, run, t)
    now = identity(c)
    check_others(now, before, t, "booted copy")
    check_others(now, live, t, "and than the live clone")
    c.run(NVME + ISCSI)
    t.equal(told(c), names(c), "targets are told the names of the booted copy")
    t.equal(c.execute("systemctl --failed --no-legend"), (0, ""), "no unit failed")


def check_users(c, t):
    """SNMPv3: the keys of users are made of the engine ID."""
    state = "/var/lib/snmp/snmpd.conf"
    create = "printf 'createUser tester SHA {0}-password AES {0}-password\\n' >>" + state
    access = "snmpget -v3 -l authPriv -u tester -a SHA -A {0}-password -x AES -X {0}-password " \
             f"-Oqv 127.0.0.1 {ENGINE}"
    c.run("echo 'rouser tester priv' >>/etc/snmp/snmpd.conf; systemctl stop snmpd; " +
          create.format("first") + "; systemctl start snmpd")
    c.wait_for(access.format("first"), 120)
    before = c.run(access.format("first"))
    c.run("systemctl restart snmpd")
    status, output = by_hand(c, "60-snmp-engine")
    t.ok(status == 1 and "take the lines oldEngineID and usmUser out of it, write createUser for "
         "each with another password" in output, "an SNMP engine with users stays") or \
        t.note(output)
    c.run(f"systemctl stop snmpd; sed -i '/^oldEngineID /d; /^usmUser /d' {state}; " +
          create.format("other") + "; systemctl start snmpd")
    c.wait_for(access.format("other"), 120)
    t.ok(c.run(access.format("other")) != before, "what its message says gives it another ID")
    c.run("systemctl restart snmpd")
    t.equal(by_hand(c, "60-snmp-engine")[0], 0, "with which the hook is content")


def check_swarm(c, t):
    c.run("docker swarm init --advertise-addr 127.0.0.1", timeout=300)
    node = c.run("docker info -f '{{.Swarm.NodeID}}'")
    status, output = by_hand(c, "60-container-engine")
    remedy = re.search("stop Docker, remove (/[a-z/]+), start it and join again", output)
    t.ok(status == 1 and remedy, "the node of a swarm is a failure") or t.note(output)
    c.run(f"systemctl stop docker docker.socket; rm -r {remedy[1]}; systemctl start docker; "
          "docker swarm init --advertise-addr 127.0.0.1", timeout=300)
    t.ok(c.run("docker info -f '{{.Swarm.NodeID}}'") != node, "what its message says makes another")
    t.equal(by_hand(c, "60-container-engine")[0], 0, "with which the hook is content")
    c.run("docker swarm leave --force", timeout=300)


def check_remapped(c, t):
    """Docker has another place for remapped users, and Docker since 23 another ID there."""
    c.run("sed -i 's/{/{\"userns-remap\": \"default\", /' /etc/docker/daemon.json; "
          f"{RESTART_DOCKER}", timeout=300)
    before = c.run("docker info -f '{{.ID}}'")
    place = c.run("docker info -f '{{.DockerRootDir}}'").strip()
    say(c.run(f"stat -c '%n %U:%g %a' {place} {place}/engine-id; true"))
    status, output = by_hand(c, "60-container-engine", "remapped")
    t.ok(status == 0 and re.fullmatch(r"/var/lib/docker/[0-9]+\.[0-9]+", place),
         f"with remapped users its place is {place}") or t.note(output)
    c.run(RESTART_DOCKER, timeout=300)
    t.ok(c.run("docker info -f '{{.ID}}'") != before, "and it gets another ID there")


def check_chosen(c, t):
    file = "/etc/iscsi/initiatorname.iscsi"
    c.run(f"iscsiadm -m node --logoutall=all; sed -i 's/^InitiatorName=.*/&:web/' {file}")
    status, output = by_hand(c, "60-iscsi-initiator")
    t.ok(status == 1 and "choose another one for this machine" in output,
         "a name that somebody has chosen stays") or t.note(output)
    c.run(f"sed -i 's/:web/:web-3/' {file}")
    t.equal(by_hand(c, "60-iscsi-initiator")[0], 0, "when another is chosen, that is well")


def check_started_by_hand(c, t):
    """Nothing tells how dhcpcd was started."""
    c.run("systemctl kill --signal=KILL udc; systemctl stop udc; dhcpcd -4 udc")
    status, output = by_hand(c, "60-dhcp-duid")
    remedy = "kill it (SIGKILL), and start it again"
    t.ok(status == 1 and remedy in output, "a dhcpcd that was started by hand is a failure") or \
        t.note(output)
    c.run("kill -KILL $(cat /run/dhcpcd/udc-4.pid); ip addr flush dev udc; dhcpcd -4 udc")
    t.equal(duids(c)["udc"], c.run("cat /var/lib/dhcpcd/duid").strip(), "whose remedy has it renewed")


def scenario(kernel, t):
    kernel = kernels.load(kernel)
    packages = PACKAGES
    if kernels.row(kernel.name).suites[0] != "bookworm":
        packages += ("docker-cli",)     # was a part of docker.io
    debian = Prebuilt(kernel.name, packages, prepare=prepare(kernel))
    guid = new_guid()
    with debian.boot(guid, memory=1024, fw_cfg=hostword.PLACE) as g:
        get_leases(g)
        start_services(g)
        g.run(NVME + ISCSI)
        before, had = identity(g), addresses(g)
        t.equal(told(g), names(g), "targets are told the names that are in files")
        check_drill(g, before, t)
        g.run("systemctl stop vmgend; sync")
        seed(g)
        snapshot = g.snapshot()
    with snapshot.clone(guid=guid) as c:
        # Goes on as the original, and is switched off in order.
        c.run(f"systemctl enable links {' '.join({*USERS, *STARTED})} 2>&1", timeout=300)
        c.run("systemctl start vmgend; systemctl --no-block poweroff")
        c.wait_for_end(240)
        disk = c.disk
    guid = new_guid()
    with hostword.told(snapshot, hostword.word(guid, "clone", "web-3")).clone(guid=guid) as c:
        c.run("systemctl start vmgend; vmgenctl wait --settled --timeout 600 1", timeout=660)
        check_refusals(c, before, t)
        live = check_live(c, before, had, t)
        check_chosen(c, t)
        check_started_by_hand(c, t)
    guid = new_guid()
    words = tuple(hostword.strings(guid, "web-4"))
    with debian.boot(guid, disk, memory=1024, strings=words, **other_machine(0xb)) as c:
        check_boot(c, before, live, t)
        check_users(c, t)
        check_swarm(c, t)
        check_remapped(c, t)


if __name__ == "__main__":
    tap.main(scenario)
