#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""One host tells each clone of one snapshot what it is, in QEMU's fw_cfg, at the restore.

The driver of Linux keeps the list of files of the boot, so what a guest finds there may be another
file, or a part of one.
"""

import json

from harness import drivers, hostword, kernel as kernels, tap
from harness.scenario import boot, new_guid

OTHER = "opt/org.vmgen/other"
HOOKS = {f"/etc/vmgen/hooks.d/{name}": (f"#!/bin/sh\necho \"$VMGEN_INTENT,$VMGEN_NAME\" >>/run/{name}\n",
                                        0o755)
         for name in ("10-guard", "60-identity")}


def start(kernel, guid):
    g = boot(kernel, ["vmgend", "vmgenctl"], guid=guid, memory=256,
             fw_cfg={**hostword.PLACE, OTHER: b"what somebody else says\n".ljust(512)},
             files={**HOOKS, **drivers.files(kernels.load(kernel), ("qemu_fw_cfg",))})
    try:
        g.run(drivers.LOAD)
        g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
        g.wait_for("vmgenctl wait --settled")
    except BaseException:
        g.close()
        raise
    return g


def settle(c):
    """What the run for the last change was told, and what its hooks were."""
    c.run("vmgenctl wait --settled 1")
    run = json.loads(c.run("vmgenctl history --json | tail -n 1"))
    return (run["event"], run["intent"], run["name"], run["intent_from"],
            c.run("tail -n 1 /run/60-identity").strip(), run["intent_unused"])


NOTHING = ("changed", "", "", "", ",", "")


def check_two(snapshot, t):
    """Returns a snapshot of the first, and its ID."""
    one, two = new_guid(), new_guid()
    with hostword.told(snapshot, hostword.advised(one, "web-1")).clone(guid=one) as c, \
            hostword.told(snapshot, hostword.word(two.upper(), "restore")).clone(guid=two) as d:
        t.equal(settle(c), ("changed", "clone", "web-1", "fw_cfg", "clone,web-1", ""),
                "a clone is told by its host that it is one, and who")
        t.equal(settle(d), ("changed", "restore", "", "fw_cfg", "restore,", ""),
                "its sibling is told something else")
        t.equal(c.run("cat /run/10-guard"), ",\n", "guards are told nothing, and wait for nothing")
        t.ok("intent:      clone, web-1 (fw_cfg)\n" in c.run("vmgenctl status"),
             "vmgenctl status tells")
        t.equal(c.run("vmgenctl intent show"),
                "none\nthe host declares in fw_cfg: clone, web-1; it is not used any more: it was for the "
                "change to the present ID, which is handled\n", "vmgenctl intent show, too")
        c.run("vmgenctl trigger --real")
        t.equal(settle(c), NOTHING, "it counts once: the same answer again is not told it")
        return c.snapshot(), one


def check_ignored(snapshot, content, why, what, t):
    guid = new_guid()
    with hostword.told(snapshot, content(guid)).clone(guid=guid) as c:
        t.equal(settle(c), NOTHING, what)
        log = c.run("cat /run/vmgend.log")
        t.ok(f"what the host declares in fw_cfg is not used: {why}" in log, f"and told: {why}") or t.note(log)
        shown = c.run("vmgenctl intent show")
        t.ok(shown.startswith("none\n") and why in shown, "vmgenctl intent show says the same") or \
            t.note(shown)


def scenario(kernel, t):
    with start(kernel, new_guid()) as g:
        t.ok("is not used: it does not begin with" in g.run("vmgenctl intent show"),
             "padding alone says nothing")
        snapshot = g.snapshot()
    first, old = check_two(snapshot, t)
    check_ignored(first, lambda _: hostword.word(old, "clone", "web-1"),
                  "it is for another ID than this machine has", "a word that was left over", t)
    check_ignored(snapshot, lambda guid: hostword.word(guid, f"clone{200 * ' '}", "web-1"),
                  "it was cut off", "one that is longer than the file was at the boot", t)
    check_ignored(snapshot, lambda _: None, 'it does not begin with "vmgen-intent "',
                  "without the file another one is read", t)


if __name__ == "__main__":
    tap.main(scenario)
