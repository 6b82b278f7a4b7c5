#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The module separates siblings also when it is loaded only after they were cloned."""

from harness import tap
from harness.scenario import WITHOUT_INTREE, boot, new_guid, seed

SIBLINGS = 3
DRAW = "head -c 8 /dev/urandom | hexdump -e '8/1 \"%02x\"'"


def scenario(kernel, t):
    with boot(kernel, guid=new_guid(), load=False) as g:
        seed(g)
        snapshot = g.snapshot()
    draws = []
    for _ in range(SIBLINGS):
        with snapshot.clone(guid=new_guid()) as c:
            draws.append(c.run(f"{DRAW}; echo; insmod /vmgenc.ko; {DRAW}").split())
            t.equal(c.run("sysctl -n dev.vmgenc.0.generation").strip(), "1",
                    "the first ID is adopted, not announced")
    if kernel in WITHOUT_INTREE:
        t.equal(len({before for before, _ in draws}), 1, "without vmgen the siblings draw the same")
    t.equal(len({after for _, after in draws}), SIBLINGS, "with it they draw different bytes")


if __name__ == "__main__":
    tap.main(scenario)
