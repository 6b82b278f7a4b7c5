#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Several generation ID devices: the first that provides an ID is used, the others are named, and
another one takes over when it provides none. That alone is no change, and no change is missed."""

import pathlib

from harness import tap
from harness.host import Host
from harness.scenario import boot, generation, info, test_module

TABLE = pathlib.Path(__file__).parent.parent / "tables/several.asl"
RESERVED = "memmap=64K$0x0FFE0000"
NONE = bytes(16)
ID_SHOWN, RAW_PAGE = 1 << 3, 1 << 4     # of VMGENID_INFO_


def said(g):
    return [line.split("vmgenc: ", 1)[1] for line in g.run("dmesg -c").splitlines()
            if "vmgenc: " in line]


def load(g):
    """The module anew, and what it says."""
    g.run("rmmod vmgenc 2>/dev/null; dmesg -c >/dev/null; insmod /vmgenc.ko")
    return said(g)


def in_use(g):
    return tuple(g.run(f"cat /proc/sys/dev/vmgenc/0/{name}").strip() for name in ("guid", "hid"))


def sysgenid(g):
    return g.run("sysgenid show").strip()


def check_choice(g, first, second, t):
    """The first in the namespace has no ID."""
    guid = second.change()
    lines = load(g)
    t.equal(in_use(g), (guid, "XEN0000"), "the first device that provides an ID is used")
    for line in ("\\_SB_.VGE0: it provides no ID, \\_SB_.VGEN is used",
                 "\\_SB_.VGE2: one device is enough, \\_SB_.VGEN is used",
                 "\\_SB_.VGE3: it provides no ID, \\_SB_.VGEN is used",
                 "\\_SB_.VGE4: ignored, no more than 4 devices are used"):
        t.ok(line in lines, line)
    second.change()
    g.run("insmod /notify.ko && rmmod notify")
    g.wait_for("dmesg | grep -q 'generation 2 (detected by notify)'")
    t.equal(info(g)["spurious_notifies"], "0", "its notification tells of a change")
    first.change()
    t.equal(generation(g), 2, "what another one holds is no change")


def check_change_over(g, first, second, t):
    guids = first.change(), second.change()
    load(g)
    t.equal(in_use(g), (guids[0], "VMGENCTR"), "of two that provide an ID the first is used")
    before = sysgenid(g)
    first.write(NONE)
    facts = info(g)
    t.equal((facts["generation"], facts["record_flags"], facts["lost_ids"], facts["getrandom"]),
            ("1", "0", "1", "0"), "its ID goes: another device takes over, and that is no change")
    t.equal(sysgenid(g), before, "nor one of /dev/sysgenid")
    t.equal(in_use(g), (guids[1], "XEN0000"), "the other one's ID is shown")
    t.ok(int(facts["flags"], 16) & ID_SHOWN and int(facts["flags"], 16) & RAW_PAGE,
         "and its page can be mapped")
    t.ok("\\_SB_.VGE0: provides no ID, so \\_SB_.VGEN is used from now on" in said(g),
         "the log says so")
    second.change()
    t.equal(generation(g), 2, "a change of that one is noticed")
    first.change()
    t.equal((generation(g), in_use(g)[1]), (2, "XEN0000"), "it stays when the first has an ID again")


def check_both(g, first, second, t):
    """The machine was restored on a host that has the ID elsewhere."""
    first.change(), second.change()
    load(g)
    second.change()
    first.write(NONE)
    t.equal(generation(g), 2, "a change is not lost in a change-over")
    second.write(NONE)
    facts = info(g)
    t.equal((facts["generation"], facts["record_flags"]), ("2", "0x2"), "when none provides an ID")
    second.write(NONE[:8] + b"\1" + NONE[:7])
    t.equal(generation(g), 3, "to get one back is a change")
    second.write(b"\xff" * 16)
    first.change()
    t.equal((generation(g), in_use(g)[1]), (4, "VMGENCTR"), "also from another device")


def check_none(g, first, second, t):
    first.write(NONE)
    second.write(NONE)
    load(g)
    t.equal(info(g)["record_flags"], "0x2", "loaded where none provides an ID")
    guid = second.change()
    t.equal((generation(g), in_use(g)), (1, (guid, "XEN0000")), "the first ID that comes is adopted")
    g.run("rmmod vmgenc")


def scenario(kernel, t):
    with boot(kernel, ["info", "sysgenid"], load=False, tables=[TABLE], shared=True,
              cmdline=RESERVED, files=test_module(kernel, "notify")) as g:
        first, second = Host(g, at=0x0FFE0000), Host(g, at=0x0FFE1000)
        check_choice(g, first, second, t)
        check_change_over(g, first, second, t)
        check_both(g, first, second, t)
        check_none(g, first, second, t)


if __name__ == "__main__":
    tap.main(scenario)
