#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A guest hibernates, and two machines with IDs of their own go on from its image. No Notify comes;
with the module the change is found, as SeaBIOS keeps the ID where hibernation leaves it alone. What
Linux does without it is for make check-all."""

from harness import draws, hibernation, tap
from harness.scenario import ALL, info, new_guid, say, seed

DRAWS = 1000
SIBLINGS = 2
# Younger kernels reseed often of their own accord, which would flatter them.
UPTIME = 130


def resume_siblings(kernel, load, check):
    """The leading draws that two machines have in common."""
    with hibernation.boot(kernel, programs=["draw", "info"], load=load, guid=new_guid(),
                          icount=True) as g:
        seed(g)
        g.sleep_until(UPTIME)
        draws.begin(g, "sleep", DRAWS)
        image = hibernation.hibernate(g)
    found = []
    for _ in range(SIBLINGS):
        with image.resume(guid=new_guid()) as c:
            found.append(draws.finish(c, DRAWS))
            check(c)
    return draws.in_common(*found), [len(f) for f in found]


def check_without(kernel, t):
    def check_stock(c):
        t.ok("virtual machine fork" not in c.run("dmesg"), "stock kernel: no Notify comes")

    common, drawn = resume_siblings(kernel, False, check_stock)
    t.equal(drawn, [DRAWS] * SIBLINGS, "without the module every sibling drew")
    t.ok(common > 0, "and they draw the same numbers")
    say(f"{kernel}: two machines from one hibernated image, leading draws in common, of {DRAWS}: "
        f"stock kernel {common}")


def scenario(kernel, t):
    def check_module(c):
        facts = info(c)
        t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), c.guid(), "the ID is the host's")
        t.equal((facts["generation"], facts["source"]), ("2", "5"), "the wake-up noticed")
        t.equal(facts["record_flags"], "0", "the generator was reseeded")
        t.ok(not int(facts["flags"], 16) & hibernation.ID_UNTRUSTED, "the ID is trusted")

    common, drawn = resume_siblings(kernel, True, check_module)
    t.equal(drawn, [DRAWS] * SIBLINGS, "every sibling drew")
    t.equal(common, 0, "with the module they have none in common")
    say(f"{kernel}: two machines from one hibernated image, leading draws in common, of {DRAWS}: "
        f"with vmgenc {common}")
    if ALL:
        check_without(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
