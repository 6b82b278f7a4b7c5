#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Ten clones of one snapshot are told, each in its own right, and draw ten different values, from
the crypto API's generator too."""

from harness import drivers, kernel as kernels, tap
from harness.scenario import boot, new_guid, say, seed, test_module

CLONES = 10
# What the crypto API's generator is made of; newer kernels have it built in.
DRBG = ("sha512_generic", "hmac", "drbg")


def use_stdrng(g):
    """Once used, it is there, with a seed that the snapshot will hold."""
    g.run(f"{drivers.LOAD}; insmod /stdrng.ko")
    return g.run("cat /proc/stdrng").split()


def scenario(kernel, t):
    files = {**drivers.files(kernels.load(kernel), DRBG), **test_module(kernel, "stdrng")}
    with boot(kernel, ["notice"], guid=new_guid(), files=files) as g:
        seed(g)     # or each clone would seed its generator by itself
        keys = [use_stdrng(g)]
        g.spawn("notice read >/tmp/draw")
        g.wait_for("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q /dev/vmgenid")
        g.run("sleep 1; ! grep . /tmp/draw")
        snapshot = g.snapshot()
    draws, ids = [], []
    for _ in range(CLONES):
        with snapshot.clone(guid=new_guid()) as c:
            c.wait_for("grep . /tmp/draw")
            draws.append(c.run("cat /tmp/draw").split()[:2])
            keys.append(c.run("cat /proc/stdrng").split())
            ids.append(c.run("sysctl -n dev.vmgenc.0.guid").strip())
            t.equal(ids[-1], c.guid(), f"clone {len(ids)} has the ID that its host shows")
    t.equal({generation for generation, _ in draws}, {"2"}, "all ten are at generation 2")
    t.equal(len({draw for _, draw in draws}), CLONES, "ten clones drew ten different values")
    t.equal(len(set(ids)), CLONES, "their IDs differ")
    common = sum(map(len, keys)) - len(set().union(*keys))
    t.equal(common, 0, "they draw other keys in the kernel, too")
    say(f"{kernel}: draws from the crypto API's generator that {CLONES} clones have in common, of "
        f"{sum(map(len, keys[1:]))}: {common}")


if __name__ == "__main__":
    tap.main(scenario)
