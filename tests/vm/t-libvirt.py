#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A machine of libvirt: when it gets another generation ID, and that it is told of each once; and
when it gets none."""

import re

from harness import tap
from harness.libvirt import NAME, Domain, Libvirt
from harness.scenario import info, new_guid

PROGRAMS = ["vmgend", "vmgenctl", "info"]
HOOK = "#!/bin/sh\necho $1 >>/run/80-hook\n"
SAVED = "/vm/saved"


def shown(g):
    return g.run("sysctl -n dev.vmgenc.0.guid").strip()


def start(g):
    """A cold boot, up to a vmgend that has nothing to do."""
    g.boot()
    g.run(f"mkdir -p /etc/vmgen/hooks.d; printf '{HOOK}' >/etc/vmgen/hooks.d/80-hook;"
          " chmod +x /etc/vmgen/hooks.d/80-hook; printf '[vmgend]\\njitter = 0\\n'"
          " >/etc/vmgen/vmgend.conf; insmod /vmgenc.ko")
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def told(g):
    """(changes, notifications without one, what ran), once all is handled."""
    g.wait_for("vmgenctl wait --settled")
    facts = info(g)
    ran = g.run("cat /run/80-hook || true").split()
    return int(facts["changes"]), int(facts["spurious_notifies"]), ran


def check_remedy(g, t):
    """Returns the line that was recommended."""
    g.define("")
    g.boot()
    _, output = g.execute("vmgenctl status")
    t.ok("for libvirt: <genid/>" in output, "without an ID the remedy names libvirt's line")
    g.host.virsh("destroy", NAME)
    return re.search(r"for libvirt: (<.*?>)", output)[1]


def check_kept(g, t):
    before = g.genid()
    t.equal(shown(g), before, "the ID is that of libvirt's description")
    g.host.virsh("suspend", NAME)
    g.host.virsh("resume", NAME)
    t.equal((g.genid(), shown(g)), (before, before), "suspend and resume: the ID stays")
    g.host.virsh("destroy", NAME)
    start(g)
    t.equal((g.genid(), shown(g)), (before, before), "a cold boot: the ID stays")


def check_new(g, number, t, kept, back):
    """The two virsh commands that keep the state of the machine and go on from it."""
    what = f"{kept[0]} and {back[0]}"
    before = g.genid()
    g.host.virsh(*kept)
    g.go_on(*back)
    t.ok(shown(g) == g.genid() != before, f"{what}: a new ID, which libvirt's description has")
    t.equal(told(g), (number, 0, ["changed"] * number), f"{what}: one change, and one notification")


def scenario(kernel, t):
    with Libvirt() as host, Domain(host, kernel, PROGRAMS) as g:
        g.define(check_remedy(g, t))
        start(g)
        check_kept(g, t)
        first = g.genid()
        check_new(g, 1, t, ("save", NAME, SAVED), ("restore", SAVED))
        check_new(g, 2, t, ("managedsave", NAME), ("start", NAME))
        check_new(g, 3, t, ("snapshot-create-as", NAME, "kept"), ("snapshot-revert", NAME, "kept"))
        t.equal(g.genid("--inactive"), first, "the description that is kept has the first ID")
        host.virsh("destroy", NAME)
        host.virsh("snapshot-create-as", NAME, "off")
        start(g)
        t.equal((g.genid(), shown(g)), (first, first),
                "a cold boot after all that: the first ID again")
        host.virsh("destroy", NAME)
        host.virsh("snapshot-revert", NAME, "off")
        start(g)
        t.equal((g.genid(), shown(g)), (first, first),
                "snapshot-revert to a machine that was off: the ID stays")
        host.virsh("destroy", NAME)
        other = new_guid()
        g.define(f"<genid>{other}</genid>")
        start(g)
        t.equal(shown(g), other, "unless its description is given another one")


if __name__ == "__main__":
    tap.main(scenario)
