#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A clone that is made while no one watches is reported to the next who asks."""

import struct

from harness import tap
from harness.scenario import boot, generation, info, new_guid

# VMGENID_SOURCE_INTERRUPT, _NOTIFY and _CALL: nobody slept, and no timer looks.
SOURCES = (1, 2, 3)
READ = "dd if=/dev/vmgenid bs=24 count=1 2>/dev/null >/tmp/record"


def scenario(kernel, t):
    with boot(kernel, ["info"], guid=new_guid()) as g:
        before = g.uptime()
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        c.run(READ)
        record = bytes.fromhex(c.run("hexdump -v -e '1/1 \"%02x\"' /tmp/record"))
        count, noticed, source, flags = struct.unpack("=QqII", record)
        t.equal(count, 2, "the first read of a new file is the new generation")
        t.ok(before * 1e9 <= noticed <= c.uptime() * 1e9,
             "it says when that was detected: in the clone") or t.note(f"{before} {noticed}")
        t.ok(source in SOURCES, "it says by what") or t.note(source)
        t.equal(flags, 0, "the kernel's generator was reseeded")
        t.equal(generation(c), 2, "sysctl says the same")
        t.equal(info(c)["changes"], "1", "so does INFO")


if __name__ == "__main__":
    tap.main(scenario)
