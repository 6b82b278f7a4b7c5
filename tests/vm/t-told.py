#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A host that says what a copy is, to a booted Debian: by the guest agent, and at a cold boot."""

import json

from harness import agent, hostword, tap
from harness.debian import Prebuilt, other_machine
from harness.scenario import new_guid, seed

# As a hook of identity does.
WAITS = """#!/bin/sh
[ "$VMGEN_INTENT" = clone ] || exit 77
echo "$1 $VMGEN_NAME" >/var/tmp/waits
"""


def prepare(root):
    hook = root / "etc/vmgen/hooks.d/60-waits"
    hook.write_text(WAITS, "ascii")
    hook.chmod(0o755)


def settle(g):
    g.wait_for("vmgenctl wait --settled --timeout 240", timeout=300)
    return json.loads(g.run("vmgenctl history --json | tail -n 1"))


def check_manager(g, t):
    """Most machines have no such credential."""
    t.equal(g.execute("systemctl is-active vmgend"), (0, "active\n"),
            "without a credential vmgend runs")
    g.run("journalctl --sync")
    log = "journalctl -q -b -o cat _PID=1"
    t.ok("vmgend.service" in g.run(f"{log} UNIT=vmgend.service"), "PID 1 has logged its start")
    t.equal(g.run(f"{log} -p warning | grep -i -e vmgen -e credential || true"), "",
            "and has nothing to complain of")
    check_mounts(g, t)


def check_mounts(g, t):
    t.equal(g.run("readlink /proc/1/ns/mnt"),
            g.run("readlink /proc/$(systemctl show -P MainPID vmgend)/ns/mnt"),
            "what a hook mounts is for all")


def check_agent(c, t):
    """Any host that has the agent can say it, after the change."""
    c.run("vmgenctl wait --settled --timeout 240 1", timeout=300)
    t.equal(c.execute("test -e /var/tmp/waits")[0], 1, "a hook of identity has waited")
    status, output = agent.execute("vmgenctl", "intent", "clone", "--now", timeout=240)
    t.equal((status, c.run("cat /var/tmp/waits")), (0, "changed \n"),
            "the guest agent says that this is a clone") or t.note(output)
    t.ok("intent:      clone (admin)" in c.run("vmgenctl status"), "vmgenctl status tells")


def check_cold_boot(g, t):
    """fw_cfg has no name: that is from the others."""
    run = settle(g)
    t.equal((run["event"], run["intent"], run["name"], run["intent_from"]),
            ("boot-changed", "clone", "web-3", "fw_cfg"),
            "at a cold boot the host has said what it is, and who")
    t.equal(g.run("cat /var/tmp/waits"), "boot-changed web-3\n", "the hook of identity was told")
    shown = g.run("vmgenctl intent show").splitlines()
    t.equal([line.split(";")[0] for line in shown],
            ["none", "the host declares in fw_cfg: clone", "the host declares in smbios: clone, web-3",
             "the host declares in credential: clone, web-3"], "each of its ways was there")
    check_mounts(g, t)
    t.equal(g.run("journalctl -q -b -p err -u vmgend -o cat"), "", "vmgend has no error to report")


def scenario(kernel, t):
    debian = Prebuilt(kernel, ("qemu-guest-agent",), prepare=prepare)
    with debian.boot(new_guid(), devices=agent.DEVICES, chardevs=agent.CHARDEVS,
                     fw_cfg=hostword.PLACE) as g:
        t.equal(settle(g)["event"], "adopted", "a first start")
        check_manager(g, t)
        g.wait_for("systemctl is-active --quiet qemu-guest-agent")
        seed(g)
        g.run("sync")
        snapshot = g.snapshot()
    guid = new_guid()
    with debian.boot(guid, snapshot.disk, fw_cfg={hostword.FILE: hostword.word(guid)},
                     strings=tuple(hostword.strings(guid, "web-3")), **other_machine(0xb)) as g:
        check_cold_boot(g, t)
    with snapshot.clone(guid=new_guid()) as c:
        check_agent(c, t)


if __name__ == "__main__":
    tap.main(scenario)
