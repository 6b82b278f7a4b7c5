#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A guest that is cloned before its generator was ever seeded: there is nothing to reseed, so the
change is settled at once, and the generator takes the ID in when it is seeded."""

from harness import tap
from harness.scenario import boot, generation, info, new_guid

# Of what the loader and the CPU give, no bit is credited. The shell and the module draw nothing.
UNTRUSTED = "random.trust_cpu=off random.trust_bootloader=off"
SEEDED = "dmesg | grep -q 'crng init done'"
# First the device that does not wait, then the one that does.
DRAW = ("for i in urandom random; do"
        " dd if=/dev/$i bs=8 count=1 2>/dev/null | hexdump -e '8/1 \"%02x\" \"\\n\"'; done")


def scenario(kernel, t):
    draws = []
    with boot(kernel, ["info"], guid=new_guid(), cmdline=UNTRUSTED, icount=True) as g:
        t.equal(generation(g), 1, "the module is loaded")
        t.ok(g.execute(SEEDED)[0], "before the generator is seeded")
        snapshot = g.snapshot()
    for _ in range(2):
        with snapshot.clone(guid=new_guid()) as c:
            t.equal(generation(c), 2, "a change is noticed")
            t.ok(c.execute(SEEDED)[0], "and settled without a seed")
            draws += c.run(DRAW).split()
            t.equal(info(c)["record_flags"], "0", "which is no failure to reseed")
            c.wait_for(SEEDED)
    t.equal(len(set(draws)), 4, "no two draws are the same, before the seed and after it")


if __name__ == "__main__":
    tap.main(scenario)
