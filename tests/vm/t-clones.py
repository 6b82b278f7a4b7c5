#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Ten clones of one snapshot are told, each in its own right, and draw ten different values."""

from harness import tap
from harness.scenario import boot, new_guid, seed

CLONES = 10


def scenario(kernel, t):
    with boot(kernel, ["notice"], guid=new_guid()) as g:
        seed(g)     # or each clone would seed its generator by itself
        g.spawn("notice read >/tmp/draw")
        g.wait_for("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q /dev/vmgenid")
        g.run("sleep 1; ! grep . /tmp/draw")
        snapshot = g.snapshot()
    draws, ids = [], []
    for _ in range(CLONES):
        with snapshot.clone(guid=new_guid()) as c:
            c.wait_for("grep . /tmp/draw")
            draws.append(c.run("cat /tmp/draw").split()[:2])
            ids.append(c.run("sysctl -n dev.vmgenc.0.guid").strip())
            t.equal(ids[-1], c.guid(), f"clone {len(ids)} has the ID that its host shows")
    t.equal({generation for generation, _ in draws}, {"2"}, "all ten are at generation 2")
    t.equal(len({draw for _, draw in draws}), CLONES, "ten clones drew ten different values")
    t.equal(len(set(ids)), CLONES, "their IDs differ")


if __name__ == "__main__":
    tap.main(scenario)
