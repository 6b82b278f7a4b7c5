#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A member of a cluster of etcd and a standby of PostgreSQL that go back to a snapshot. Without
10-replica what they had confirmed is lost for all; with it they stay down, what was confirmed
stays, and they join their peers again as vmgend-hooks(7) says.

Both run in one guest, as Debian has them. Their peers run on the host, from a copy of its disk, in
a network of the test's own.
"""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness import image, network, readme, tap
from harness.debian import Prebuilt, chroot
from harness.guest import end_with_parent
from harness.machine import scratch
from harness.scenario import new_guid, say

PAGE = "daemon/vmgend-hooks.7.scd"
HOOK = "10-replica"
PACKAGES = ("etcd-client", "etcd-server", "iproute2", "postgresql", "python3")
OWN = {"a": "10.9.0.1", "b": "10.9.0.2", "c": "10.9.0.3"}
NETDEVS = ("tap,id=net,ifname=tap0,script=no,downscript=no",)
DEVICES = ("virtio-net-pci,netdev=net,mac=52:54:00:00:00:0a,romfile=",)
ADDRESS = f"[Match]\nName=e*\n[Network]\nAddress={OWN['c']}/24\n"
PATIENCE = 240      # seconds
# An emulated machine is slow, and must not be taken for dead by its peers.
ETCD = {"HEARTBEAT_INTERVAL": "1000", "ELECTION_TIMEOUT": "10000"}
DATA = "var/lib/etcd/default"
POSTGRES = "var/lib/postgresql/15/main"
BINARIES = "/usr/lib/postgresql/15/bin"
UNITS = ("etcd.service", "postgresql@15-main.service")


def etcd_settings(name):
    peers = ",".join(f"{other}=http://{address}:2380" for other, address in OWN.items())
    return {f"ETCD_{key}": value for key, value in {
        "NAME": name, "INITIAL_CLUSTER": peers, "INITIAL_CLUSTER_STATE": "new",
        "LISTEN_PEER_URLS": f"http://{OWN[name]}:2380",
        "LISTEN_CLIENT_URLS": f"http://{OWN[name]}:2379",
        "INITIAL_ADVERTISE_PEER_URLS": f"http://{OWN[name]}:2380",
        "ADVERTISE_CLIENT_URLS": f"http://{OWN[name]}:2379", **ETCD}.items()}


def prepare(root):
    (root / "etc/systemd/network/all.network").write_text(ADDRESS, "ascii")
    lines = "".join(f"{key}={value}\n" for key, value in etcd_settings("c").items())
    (root / "etc/default/etcd").write_text(lines, "ascii")
    # Of the primary, which is made of the same disk, and who copies it later.
    with open(root / "etc/postgresql/15/main/pg_hba.conf", "a", encoding="ascii") as file:
        file.write("".join(f"host {what} all 10.9.0.0/24 trust\n"
                           for what in ("all", "replication")))
    chroot(root, "/", "systemctl disable etcd postgresql 2>&1; "
           "systemctl enable systemd-networkd 2>&1; "
           "systemctl mask systemd-networkd-wait-online 2>&1")


class Peers:
    """Processes on the host in a copy of the guest's disk."""

    def __init__(self, debian):
        network.isolate()
        subprocess.run("ip tuntap add dev tap0 mode tap && ip link set tap0 up && "
                       f"ip addr add {OWN['a']}/24 dev tap0 && ip addr add {OWN['b']}/24 dev tap0",
                       shell=True, check=True)
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=scratch(), prefix="peers-"))
        image.copy(debian.disk.parent / "raw", self.directory / "raw")
        self.running = {}
        self.root = None

    @contextlib.contextmanager
    def mounted(self):
        with image.mounted(self.directory / "raw", self.directory / "root") as self.root:
            chroot(self.root, "/", f"chown -R postgres /{POSTGRES}; mkdir -p /run/postgresql; "
                   "chown postgres /run/postgresql")
            try:
                yield self
            finally:
                for name in list(self.running):
                    self.kill(name)

    def start(self, name, command):
        script = ('mount --rbind /dev "$1/dev"; mount -t proc proc "$1/proc"; '
                  'exec chroot "$1" sh -c "exec $2"')
        with open(self.directory / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                ["unshare", "--mount", "sh", "-ec", script, "sh", str(self.root), command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent)

    def kill(self, name):
        """As if the power of its machine was cut."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    # ---- etcd ----------------------------------------------------------------------------------

    def start_etcd(self, name):
        settings = " ".join(f"{key}={value}" for key, value in etcd_settings(name).items())
        self.start(name, f"env {settings} ETCD_DATA_DIR=/var/lib/etcd/{name} etcd")

    def etcdctl(self, name, words, timeout=10):
        """(whether it succeeded, its output)"""
        result = subprocess.run(
            ["chroot", self.root, "etcdctl", f"--endpoints=http://{OWN[name]}:2379",
             f"--command-timeout={timeout}s", *words.split()],
            capture_output=True, text=True, check=False)
        return result.returncode == 0, (result.stdout + result.stderr).strip()

    def etcd_value(self, name):
        done, output = self.etcdctl(name, "get key --print-value-only")
        return output if done else None

    # ---- PostgreSQL ----------------------------------------------------------------------------

    def start_primary(self):
        options = {"config_file": "/etc/postgresql/15/main/postgresql.conf",
                   "listen_addresses": OWN["a"], "ssl": "off", "wal_level": "replica",
                   "dynamic_shared_memory_type": "mmap"}
        words = " ".join(f"-c {key}={value}" for key, value in options.items())
        self.start("primary", "chroot --userspec=postgres / "
                   f"{BINARIES}/postgres -D /{POSTGRES} {words}")
        wait_for(lambda: self.sql("SELECT 1")[0], "the primary")

    def sql(self, statement):
        result = subprocess.run(
            ["chroot", "--userspec=postgres", self.root, "psql", "-h", OWN["a"], "-U", "postgres",
             "-Atqc", statement], capture_output=True, text=True, check=False, timeout=PATIENCE)
        return result.returncode == 0, (result.stdout + result.stderr).strip()

    # ---- what both go back to ------------------------------------------------------------------

    def keep(self):
        """Of those that have ended, as they are now."""
        for name in ("a", "b"):
            shutil.copytree(self.root / "var/lib/etcd" / name, self.directory / name)

    def put_back(self):
        for name in ("a", "b"):
            shutil.rmtree(self.root / "var/lib/etcd" / name)
            shutil.copytree(self.directory / name, self.root / "var/lib/etcd" / name)


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.2)


def recipe(heading, settings):
    """The commands of the page, with what its first line sets."""
    first, rest = readme.blocks(PAGE, heading)[-1].split("\n", 1)
    assert [word.split("=")[0] for word in first.split()] == list(settings), first
    return "set -ex\n" + "".join(f"{key}='{value}'\n" for key, value in settings.items()) + rest


# ---- the machines -------------------------------------------------------------------------------


def form(g, peers, t):
    """A cluster of three, and a standby that the primary waits for."""
    peers.start_etcd("a")
    peers.start_etcd("b")
    g.run("systemctl start etcd", timeout=PATIENCE)
    wait_for(lambda: peers.etcdctl("a", "put key 1")[0], "a leader")
    t.equal((peers.etcd_value("b"), own_value(g)), ("1", "1"), "etcd has three members")
    peers.start_primary()
    peers.sql("CREATE ROLE replicator REPLICATION LOGIN")
    peers.sql("CREATE TABLE numbers (n int)")
    peers.sql("INSERT INTO numbers VALUES (1)")
    g.run(recipe("## PostgreSQL", {"PRIMARY": OWN["a"], "CLUSTER": "15-main",
                                   "DATA": f"/{POSTGRES}"}), timeout=PATIENCE)
    peers.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    peers.sql("SELECT pg_reload_conf()")
    wait_for(lambda: peers.sql("SELECT sync_state FROM pg_stat_replication")[1] == "sync",
             "a standby")
    t.equal(numbers(g), "1", "and PostgreSQL a standby")


def own_value(g):
    """Of the member in the guest, which answers when it has heard of the leader."""
    return g.run(f"etcdctl --endpoints=http://{OWN['c']}:2379 --command-timeout={PATIENCE}s "
                 "get key --print-value-only", timeout=PATIENCE).strip()


def numbers(g):
    return g.run("runuser -u postgres -- psql -Atqc 'SELECT max(n) FROM numbers'").strip()


def save(g, name, disk):
    """A snapshot with its disk, and the layer above that with which the guest goes on."""
    layer = g.directory / f"disk-{name}"
    g.pause()
    g.ask("blockdev-snapshot-sync", device="virtio0",
          **{"snapshot-file": str(layer), "format": "qcow2"})
    snapshot = g.save(name)
    snapshot.disk = disk
    g.resume()
    return snapshot, layer


def enable(g):
    g.run(f"sed -i 's/^enabled = no/enabled = yes/' /etc/vmgen/hooks.conf.d/{HOOK}.conf")
    g.run("printf '%s\\n' " + " ".join(UNITS) + " >>/etc/vmgen/replica-units")
    g.run(f"systemctl reload vmgend; vmgenctl hooks run {HOOK}", timeout=PATIENCE)
    # It stands by again after the drill.
    g.wait_for(f"pgrep {HOOK}", timeout=PATIENCE)


def confirm(peers, t):
    """What the member and the standby confirm, and one of the peers does not see."""
    peers.kill("b")
    wait_for(lambda: peers.etcdctl("a", "put key 2")[0], "a leader")
    t.ok(peers.etcd_value("a") == "2", "etcd confirms a write of two members")
    t.ok(peers.sql("INSERT INTO numbers VALUES (2)")[0], "PostgreSQL one of both servers")
    peers.kill("a")
    peers.kill("primary")


def check_without(c, peers, t):
    """The other peer is the one that was away; that which has the write is away now."""
    peers.start_etcd("b")
    wait_for(lambda: peers.etcd_value("b") is not None, "a leader")
    t.equal(peers.etcd_value("b"), "1", "without the guard: etcd has lost what it had confirmed")
    t.ok(peers.etcdctl("b", "put other 3")[0], "and goes on")
    c.run("pg_ctlcluster 15 main promote", timeout=PATIENCE)
    c.wait_for("runuser -u postgres -- psql -Atqc 'INSERT INTO numbers VALUES (3)'", PATIENCE)
    t.equal(c.run("runuser -u postgres -- psql -Atqc 'SELECT n FROM numbers'").split(), ["1", "3"],
            "PostgreSQL, too, when the standby is promoted")


def check_kept_down(c, peers, t):
    c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
    run = json.loads(c.run("vmgenctl history --json | tail -n 1"))
    say(f"{HOOK} for {len(UNITS)} units: {run['hooks'][HOOK]}")
    if not t.equal(run["hooks"][HOOK]["outcome"], "succeeded", "with the guard"):
        t.note(c.run("journalctl -q -o short-monotonic -u vmgend | tail -n 60"))
    for unit in UNITS:
        t.ok(c.execute(f"systemctl start '{unit}'")[0] != 0, f"{unit} does not start")
    status, output = c.execute("vmgenctl check")
    t.ok(status and all(f"{unit} is kept down: this machine was" in output for unit in UNITS),
         "vmgenctl check says so")
    t.ok(c.execute("pg_ctlcluster 15 main promote")[0] != 0, "the standby is not promoted")
    peers.start_etcd("b")
    t.ok(not peers.etcdctl("b", "put key 3", timeout=20)[0], "etcd has no majority, and waits")
    peers.start_etcd("a")
    wait_for(lambda: peers.etcd_value("b") is not None, "a leader")
    t.equal(peers.etcd_value("b"), "2", "what it had confirmed is there when the peer is back")


def check_recipes(c, peers, t):
    output = c.run(recipe("## etcd", {"PEER": f"http://{OWN['a']}:2379", "NAME": "c",
                                      "URL": f"http://{OWN['c']}:2380"}), timeout=PATIENCE)
    t.note(output)
    t.equal(own_value(c), "2", "as the manual says, the member joins again, and has it too")
    t.ok(peers.etcdctl("a", "put key 4")[0] and own_value(c) == "4", "and what comes after")
    peers.start_primary()
    c.run(f"mv /{POSTGRES}.before /root")
    t.note(c.run(recipe("## PostgreSQL", {"PRIMARY": OWN["a"], "CLUSTER": "15-main",
                                          "DATA": f"/{POSTGRES}"}), timeout=PATIENCE))
    wait_for(lambda: peers.sql("SELECT sync_state FROM pg_stat_replication")[1] == "sync",
             "a standby")
    peers.sql("INSERT INTO numbers VALUES (4)")
    wait_for(lambda: numbers(c) == "4", "the standby")
    t.equal(c.run("runuser -u postgres -- psql -Atqc 'SELECT n FROM numbers'").split(),
            ["1", "2", "4"], "so does the standby")
    t.equal(c.run("vmgenctl fence list"), "", "no fence is left")


def scenario(kernel, t):
    debian = Prebuilt(kernel, PACKAGES, prepare=prepare)
    peers = Peers(debian)
    with peers.mounted():
        with debian.boot(new_guid(), memory=768, devices=DEVICES, netdevs=NETDEVS) as g:
            g.wait_for("systemctl -q is-active vmgend systemd-networkd", timeout=240)
            form(g, peers, t)
            without, disk = save(g, "without", g.disk)
            enable(g)
            guarded, _ = save(g, "guarded", disk)
            confirm(peers, t)
        peers.keep()
        with without.clone(new_guid()) as c:
            check_without(c, peers, t)
        peers.kill("b")
        peers.put_back()
        with guarded.clone(new_guid()) as c:
            check_kept_down(c, peers, t)
            check_recipes(c, peers, t)


if __name__ == "__main__":
    tap.main(scenario)
