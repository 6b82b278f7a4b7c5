#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The kernel's generator cannot be reseeded: the change is told all the same, with a flag, and
vmgen_getrandom() refuses."""

from harness import tap
from harness.scenario import boot, generation, info, new_guid

# Flags of a record, as in <vmgen/vmgenid.h>.
RNG_STALE = 1
WRONG = {"no /dev/urandom": "rm /dev/urandom",
         "another device in its place": "rm /dev/urandom; mknod /dev/urandom c 1 3",
         "a file in its place": "rm /dev/urandom; touch /dev/urandom"}


def scenario(kernel, t):
    with boot(kernel, ["info", "sysgenid"], guid=new_guid(), load=False) as g:
        for name, command in WRONG.items():
            g.run(f"{command}; insmod /vmgenc.ko")
            facts = info(g)
            t.equal(int(facts["record_flags"], 16), RNG_STALE, f"{name}: the record says so")
            t.equal(facts["getrandom"], "-5", f"{name}: vmgen_getrandom() refuses: EIO")
            t.ok("could not be reseeded" in g.run("dmesg"), f"{name}: so does the log")
            g.run("rmmod vmgenc; rm -f /dev/urandom; mknod -m 666 /dev/urandom c 1 9; dmesg -c")
        g.run("rm /dev/urandom; insmod /vmgenc.ko")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("test $(sysctl -n dev.vmgenc.0.generation) = 2")
        t.equal(int(info(c)["record_flags"], 16), RNG_STALE, "a change is told, with the flag")
        t.equal(c.run("sysgenid show; sysgenid trigger; sysgenid show").split(), ["1", "2"],
                "/dev/sysgenid moves all the same, also by TRIGGER")
        c.run("rmmod vmgenc; mknod -m 666 /dev/urandom c 1 9; insmod /vmgenc.ko")
        t.equal(info(c)["record_flags"], "0", "loaded anew with /dev/urandom, it is fresh")
        t.equal(generation(c), 1, "at its first generation")


if __name__ == "__main__":
    tap.main(scenario)
