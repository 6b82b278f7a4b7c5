#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Each way in which a domain controller gets a second life, as vmgend tells of it, and what becomes
of it then: nothing, a repair, or a fence until somebody has decided.
"""

from harness import installation, record
from harness.alone import Alone, install_vmgenctl

SAME, REPAIRED, FENCED = "nothing is done", "repaired", "fenced"
BOOT = {"event": "boot-changed"}
LIVE = {"event": "changed"}
# What the machine is, whether it has another ID, what vmgend has on record of that, and whether it
# is the hook that is called or a start of Samba.
CASES = (
    ("live clone, said to be one", True, {**LIVE, "intent": "clone"}, "hook", FENCED),
    ("live clone, and nobody said so: it looks like a rollback", True, LIVE, "hook", REPAIRED),
    ("clone of a stopped VM: other UUID and MACs", True, {**BOOT, "hint": "clone"}, "start",
     FENCED),
    ("clone of a stopped VM, said to be one", True, {**BOOT, "intent": "clone"}, "start", FENCED),
    ("clone of a stopped VM to which the host gives no ID of its own", False, None, "start", SAME),
    ("copy of an image that was prepared", True,
     {"event": "adopted", "hint": "clone", "intent": "clone"}, "start", FENCED),
    ("copy of an image that only forgot its record", True, {"event": "adopted"}, "start", REPAIRED),
    ("rollback in memory", True, LIVE, "hook", REPAIRED),
    ("rollback at cold boot", True, {**BOOT, "hint": "rollback"}, "start", REPAIRED),
    ("rollback at cold boot, told by a counter", True,
     {**BOOT, "hint": "rollback", "shutdown": "clean", "counter": "other"}, "start", REPAIRED),
    ("rollback to which the host gives the ID back that it had", False, None, "start", SAME),
    ("backup on another host: other UUID and MACs", True, {**BOOT, "hint": "clone"}, "start",
     FENCED),
    ("backup on another host, said to be a restore", True,
     {**BOOT, "hint": "clone", "intent": "restore"}, "start", REPAIRED),
    ("live migration", False, None, "start", SAME),
    ("suspended by the host, and resumed with another ID", True, LIVE, "hook", REPAIRED),
    ("ordinary boot with another ID", True, {**BOOT, "hint": "rollback"}, "start", REPAIRED),
    ("ordinary boot with another ID, known to be one", True,
     {**BOOT, "skipped": True, "shutdown": "clean", "counter": "same"}, "start", SAME),
)


def become(dc, changed, told, place):
    """(exit status, what is said)"""
    past = [record.run(dc.id, event="adopted")]
    if changed:
        dc.new_id()
        past.append(record.run(dc.id, **told))
    record.write(dc, *past)
    if place == "start":
        return dc.safeguard("before-start")
    return dc.safeguard("repair", VMGEN_EVENT=told["event"], VMGEN_HINT="unknown",
                        VMGEN_INTENT=told.get("intent", ""))


def scenario(_suite, t):
    install_vmgenctl()
    dc = Alone()
    dc.must("repair")
    dc.snapshot("adopted")
    identity = dc.id
    for name, changed, told, place, want in CASES:
        dc.restore("adopted")
        dc.id = identity
        before = dc.facts()
        status, output = become(dc, changed, told, place)
        after = dc.facts()
        if dc.fence.exists():
            got = FENCED if status == 10 and after == before else "fenced, and changed"
        elif after["invocation"] == before["invocation"]:
            got = SAME if after == {**before, "generation": dc.id} else "changed"
        else:
            got = REPAIRED if after["generation"] == dc.id else "half repaired"
        t.equal((got, status), (want, 10 if want == FENCED else 0), f"{name}: {want}") or \
            t.note(output)


if __name__ == "__main__":
    installation.main(scenario)
