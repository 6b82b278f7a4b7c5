#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""OVMF keeps the ID in ACPI NVS memory, over which Linux writes the old ID when it goes on from a
hibernated image: the module reseeds anyway and says that the ID is not to be trusted. With
acpi_sleep=nonvs on the command line the change is seen."""

from harness import draws, hibernation, tap
from harness.scenario import ALL, info, new_guid, seed

DRAWS = 1000
SIBLINGS = 2
NVS = {"type": "q35", "firmware": "ovmf"}


def hibernate(kernel, guid, cmdline=""):
    with hibernation.boot(kernel, programs=["draw", "info"], guid=guid, cmdline=cmdline,
                          **NVS) as g:
        seed(g)
        draws.begin(g, "sleep", DRAWS)
        return hibernation.hibernate(g)


def check_lost(kernel, t):
    guid = new_guid()
    image = hibernate(kernel, guid)
    found = []
    for _ in range(SIBLINGS):
        with image.resume(guid=new_guid()) as c:
            found.append(draws.finish(c, DRAWS))
            facts = info(c)
            t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), guid, "Linux wrote the old ID")
            t.equal(facts["generation"], "1", "so the generation cannot move")
            t.ok(int(facts["flags"], 16) & hibernation.ID_UNTRUSTED, "INFO does not trust the ID")
            t.ok("acpi_sleep=nonvs" in c.run("dmesg"), "the log names the remedy")
            t.equal(facts["record_flags"], "0", "the generator was reseeded")
    t.equal([len(f) for f in found], [DRAWS] * SIBLINGS, "every sibling drew")
    t.equal(draws.in_common(*found), 0, "they have no draw in common")


def check_remedy(kernel, t):
    image = hibernate(kernel, new_guid(), "acpi_sleep=nonvs")
    with image.resume(guid=new_guid()) as c:
        facts = info(c)
        t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), c.guid(), "nonvs: the ID is new")
        t.equal((facts["generation"], facts["source"]), ("2", "5"), "nonvs: the wake-up noticed")
        t.ok(not int(facts["flags"], 16) & hibernation.ID_UNTRUSTED, "nonvs: the ID is trusted")


def scenario(kernel, t):
    check_lost(kernel, t)
    if ALL:
        check_remedy(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
