#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A guest is suspended to RAM, its sleeping state is cloned, and the clones are woken. QEMU gives
each an ID of its own, but its event is lost while ACPI is off: the in-tree driver stays silent for
ever, and siblings draw the same numbers until something else reseeds them."""

from harness import draws, qemu, tap
from harness.scenario import boot, info, new_guid, say, seed

DRAWS = 1000
SIBLINGS = 2
# Younger kernels reseed often of their own accord, which would flatter them.
UPTIME = 130
INTREE = "crng reseeded due to virtual machine fork"


def sleeping_snapshot(kernel, load):
    guid = new_guid()
    with boot(kernel, ["draw", "info"], load=load, guid=guid, sleeps=True, icount=True,
              qemu=qemu.newer()) as g:
        seed(g)
        g.sleep_until(UPTIME)
        draws.begin(g, guid, DRAWS)
        g.fall_asleep()
        return g.snapshot()


def wake_siblings(kernel, load, check):
    """The leading draws that two woken clones have in common."""
    snapshot = sleeping_snapshot(kernel, load)
    found = []
    for _ in range(SIBLINGS):
        with snapshot.clone(guid=new_guid()) as c:
            c.wake()
            found.append(draws.finish(c, DRAWS))
            # Time enough for a Notify that is late.
            c.run("sleep 2")
            check(c)
    return draws.in_common(*found), [len(f) for f in found]


def scenario(kernel, t):
    def check_stock(c):
        t.ok(INTREE not in c.run("dmesg"), "stock kernel: no Notify comes, nobody takes the ID in")

    def check_module(c):
        facts = info(c)
        t.equal(c.run("sysctl -n dev.vmgenc.0.guid").strip(), c.guid(), "the ID is the host's")
        t.equal((facts["generation"], facts["source"]), ("2", "5"), "the wake-up noticed")
        t.equal(facts["spurious_notifies"], "0", "no Notify comes")
        t.equal(facts["record_flags"], "0", "the generator was reseeded")

    stock, n_stock = wake_siblings(kernel, False, check_stock)
    module, n_module = wake_siblings(kernel, True, check_module)
    t.equal(n_stock + n_module, [DRAWS] * 2 * SIBLINGS, "every sibling drew")
    t.ok(stock > 0, "without the module siblings draw the same numbers")
    t.equal(module, 0, "with the module they have none in common")
    say(f"{kernel}: cloned while suspended to RAM, leading draws in common after the wake-up, "
        f"of {DRAWS}: stock kernel {stock}, with vmgenc {module}")


if __name__ == "__main__":
    tap.main(scenario)
