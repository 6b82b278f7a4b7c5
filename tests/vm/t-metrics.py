#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Two of four clones have one ID, as on a host that draws none for them: real Prometheus with
Debian's node_exporter finds these two, and no other, by the rules that ship. Time goes by 60 times
as fast: metrics are written and scraped each second."""

import contextlib
import hashlib
import os
import threading
import time

from harness import hostport, tap
from harness.machine import scratch
from harness.prometheus import Exporter, Server
from harness.scenario import NOBODY, boot, new_guid, say, seed

ALERT = "VmgenSameId"
FIRE_TIMEOUT = 180
# Longer than an alert waits.
WATCH = 25
END_TIMEOUT = 60
FILES = {"/etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\n"}
WRITE = "while :; do vmgenctl metrics --output=/run/vmgen.prom; sleep 1; done"
NODE = "vmgen.prom"


def label(guid):
    """What vmgenctl(1) says that id_hash is."""
    text = b"vmgen generation ID metric v1\0" + hostport.id_hash(guid).encode()
    return hashlib.sha256(text).hexdigest()[:16]


class Carrier(threading.Thread):
    """Brings what the clones write to where their exporters look, in the place of a network."""

    def __init__(self, clones):
        super().__init__(daemon=True)
        self.clones = clones
        self.over = threading.Event()
        self.error = None

    def carry(self, name, clone):
        directory = scratch() / name
        (directory / "new").write_text(clone.run(f"cat /run/{NODE}"), "utf-8")
        os.replace(directory / "new", directory / NODE)

    def run(self):
        try:
            while not self.over.wait(0.5):
                for name, clone in self.clones.items():
                    self.carry(name, clone)
        except Exception as e:      # told by the thread that waits
            self.error = e

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        self.join()


def wait_until(condition, timeout, carrier):
    """Seconds until it holds, or None."""
    begin = time.monotonic()
    while time.monotonic() < begin + timeout:
        if carrier.error:
            raise carrier.error
        if condition():
            return time.monotonic() - begin
        time.sleep(0.5)
    return None


def check_metrics(clones, guids, t):
    for name, clone in clones.items():
        clone.wait_for(f"test -e /run/{NODE}")
        lines = clone.run(f"cat /run/{NODE}").splitlines()
        told = f'vmgen_id_info{{id_hash="{label(guids[name])}"}} 1'
        t.ok(told in lines, f"{name} tells a hash of its ID")
        t.ok(not any(guids[name] in line or hostport.id_hash(guids[name])[:16] in line
                     for line in lines), "and neither the ID nor what hooks have")
    t.ok(told in clone.run(f"{NOBODY} vmgenctl metrics").splitlines(),
         "who is not root is told the same")
    t.ok(f'"id_metric":"{label(guids[name])}"' in
         clone.run("vmgenctl status --json").replace(" ", ""), "and so it is in JSON")


def check_alert(server, carrier, t):
    """The pair is a and b; c is scraped under two names."""
    seconds = wait_until(lambda: server.alerts(ALERT), FIRE_TIMEOUT, carrier)
    say(f"{ALERT} fires after {seconds and round(seconds, 1)} s, for which others take minutes")
    fired = set()
    wait_until(lambda: fired.update(server.alerts(ALERT)), WATCH, carrier)
    t.equal(fired, {"a", "b"}, "the alert fires for the two that have one ID, and for no other")
    names = {labels["instance"] for labels, _ in server.query("vmgen_id_draw")}
    t.equal(names, {"a", "b", "c", "again", "d"}, "all are scraped, and one twice")
    counted = server.query("vmgen:id_machines:count")
    t.equal([value for _, value in counted], [2], "they are two machines")


def check_end(server, exporter, carrier, t):
    exporter.close()
    seconds = wait_until(lambda: not server.alerts(ALERT), END_TIMEOUT, carrier)
    t.ok(seconds is not None, "when one of them is gone the alert ends")


def take_snapshot(kernel, guid):
    with boot(kernel, ["vmgend", "vmgenctl"], guid=guid, sanitized=False, memory=256,
              files=FILES) as g:
        seed(g)
        g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
        g.wait_for("vmgenctl wait --settled")
        return g.snapshot()


def scenario(kernel, t):
    begin = time.monotonic()
    guid = new_guid()
    guids = {"a": guid, "b": guid, "c": new_guid(), "d": new_guid()}
    snapshot = take_snapshot(kernel, guid)
    with contextlib.ExitStack() as stack:
        clones = {}
        for name, its in guids.items():
            clones[name] = stack.enter_context(snapshot.clone(guid=its))
            clones[name].wait_for("vmgenctl wait --settled")
            clones[name].spawn(WRITE)
            (scratch() / name).mkdir()
        check_metrics(clones, guids, t)
        exporters = {name: stack.enter_context(Exporter(scratch() / name)) for name in clones}
        targets = [("node", name, exporter.address, "/metrics") for name, exporter in exporters.items()]
        targets.append(("other", "again", exporters["c"].address, "/metrics"))
        carrier = stack.enter_context(Carrier(clones))
        server = stack.enter_context(Server(targets))
        check_alert(server, carrier, t)
        check_end(server, exporters["b"], carrier, t)
    say(f"{time.monotonic() - begin:.0f} s from the first boot to the end")


if __name__ == "__main__":
    tap.main(scenario)
