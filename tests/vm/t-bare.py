#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A kernel without sysctl and much else: the module works, and goes away again."""

from harness import tap
from harness.scenario import boot, info, new_guid


def scenario(kernel, t):
    with boot(kernel, ["info"], guid=new_guid()) as g:
        t.ok(g.execute("ls /proc/sys")[0] != 0, "the kernel has no sysctl")
        t.equal(info(g)["generation"], "1", "the module loads")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        facts = info(c)
        t.equal((facts["generation"], facts["record_flags"], facts["getrandom"]), ("2", "0", "0"),
                "a change is settled")
        c.run("rmmod vmgenc")
        t.ok(c.execute("ls /dev/vmgenid")[0] != 0, "the module is unloaded")
        c.run("insmod /vmgenc.ko poll_ms=10")
        t.equal(info(c)["generation"], "1", "and loaded again, with a parameter")


if __name__ == "__main__":
    tap.main(scenario)
