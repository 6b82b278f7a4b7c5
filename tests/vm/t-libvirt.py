#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A machine of libvirt: when it gets another generation ID, and that it is told of each once; when
it gets none; and that virt-clone makes two with one ID."""

import re

from harness import tap
from harness.changes import PROGRAMS, Changes, prepare, shown
from harness.domain import NAME, Domain
from harness.libvirt import RELEASES, Libvirt
from harness.scenario import ALL, new_guid, say

SAVED = "/vm/saved"
TWIN = "twin"
# What somebody types to give a machine that is off another ID.
ANOTHER = ("virt-xml", TWIN, "--edit", "--metadata", "genid=,genid_enable=yes")


def start(g):
    """A cold boot."""
    g.boot()
    prepare(g)


def check_remedy(g, t):
    """Returns the line that was recommended."""
    g.define("")
    g.boot()
    _, output = g.execute("vmgenctl status")
    t.ok("for libvirt: <genid/>" in output, "without an ID the remedy names libvirt's line")
    g.host.virsh("destroy", NAME)
    return re.search(r"for libvirt: (<.*?>)", output)[1]


def check_boot(g, wanted, name, t):
    start(g)
    t.equal((g.genid(), shown(g)), (wanted, wanted), name)


def check_states(kernel, g, t):
    """The pairs of commands that keep the state of the machine and go on from it."""
    changes = Changes(kernel, g, t)

    def pause():
        g.host.virsh("suspend", NAME)
        g.host.virsh("resume", NAME)
    changes.none("suspend, resume", pause)
    for kept, back in ((("save", NAME, SAVED), ("restore", SAVED)),
                       (("managedsave", NAME), ("start", NAME)),
                       (("snapshot-create-as", NAME, "kept"), ("snapshot-revert", NAME, "kept"))):
        def go_on(kept=kept, back=back):
            g.host.virsh(*kept)
            return g.go_on(*back, look=changes.time)
        changes.new(f"{kept[0]}, {back[0]}", go_on)


def check_off(g, first, t):
    g.host.virsh("destroy", NAME)
    g.host.virsh("snapshot-create-as", NAME, "off")
    check_boot(g, first, "a cold boot after all that: the first ID again", t)
    g.host.virsh("destroy", NAME)
    g.host.virsh("snapshot-revert", NAME, "off")
    check_boot(g, first, "snapshot-revert to a machine that was off: the ID stays", t)
    g.host.virsh("destroy", NAME)


def check_twins(g, t):
    """Of a machine that is off."""
    twin = g.twin(TWIN)
    start(g)
    start(twin)
    ids = [shown(machine) for machine in (g, twin)]
    t.equal(ids, [g.genid()] * 2, "virt-clone: two machines that run have one ID")
    say(f"libvirt {g.host.version()}: virt-clone: {ids[0]} twice")
    g.host.virsh("destroy", TWIN)
    g.host.virtinst(*ANOTHER)
    other = twin.genid("--inactive")
    t.ok(other != ids[0], f"{' '.join(ANOTHER)}: another ID")
    check_boot(twin, other, "with which the clone boots", t)
    g.host.virsh("destroy", TWIN)
    xml = g.host.virsh("dumpxml", TWIN, "--inactive")
    (g.directory / "xml").write_text(re.sub("<genid>.*</genid>", "<genid/>", xml), "ascii")
    g.host.virsh("define", "/vm/xml")
    t.ok(twin.genid("--inactive") not in (other, *ids),
         "virsh define with <genid/> in place of the ID: another one")


def check(kernel, release, t):
    with Libvirt(release=release) as host, Domain(host, kernel, PROGRAMS) as g:
        g.define(check_remedy(g, t))
        first = g.genid("--inactive")
        check_boot(g, first, "the ID is that of libvirt's description", t)
        check_states(kernel, g, t)
        t.equal(g.genid("--inactive"), first, "the description that is kept has the first ID")
        check_off(g, first, t)
        other = new_guid()
        g.define(f"<genid>{other}</genid>")
        t.equal(g.genid("--inactive"), other, "unless its description is given another one")
        g.host.virsh("snapshot-delete", NAME, "off")
        g.host.virsh("snapshot-delete", NAME, "kept")
        check_twins(g, t)


def scenario(kernel, t):
    for release in RELEASES if ALL else list(RELEASES)[:1]:
        check(kernel, release, t)


if __name__ == "__main__":
    tap.main(scenario)
