#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The module separates siblings also when it is loaded only after they were cloned."""

import re
import struct
import uuid

from harness import tap
from harness.scenario import WITHOUT_INTREE, boot, new_guid, seed

SIBLINGS = 3
TRACE = "/sys/kernel/tracing"
# The memory that it is given, as two words, and how much of it.
PROBE = "p:mixed add_device_randomness a=+0(%di):x64 b=+8(%di):x64 size=%si:u32"
DRAW = "head -c 8 /dev/urandom | hexdump -e '8/1 \"%02x\"'"


def watch_mixing(g):
    g.run(f"mount -t tracefs tracefs {TRACE}; cd {TRACE};"
          f" echo '{PROBE}' >kprobe_events && echo 1 >events/kprobes/mixed/enable")


def is_mixed_in(c, guid):
    """By the module's worker, for Linux's driver may do so as well. Other input may separate
    siblings, too, but nothing else is certain to."""
    low, high = struct.unpack("=QQ", uuid.UUID(guid).bytes_le)
    return re.search(rf"^ *vmgenc-\d+ .* a={low:#x} b={high:#x} size=16$",
                     c.run(f"cat {TRACE}/trace"), re.MULTILINE)


def scenario(kernel, t):
    with boot(kernel, guid=new_guid(), load=False) as g:
        seed(g)
        watch_mixing(g)
        snapshot = g.snapshot()
    draws = []
    for _ in range(SIBLINGS):
        guid = new_guid()
        with snapshot.clone(guid=guid) as c:
            draws.append(c.run(f"{DRAW}; echo; insmod /vmgenc.ko; {DRAW}").split())
            t.equal(c.run("sysctl -n dev.vmgenc.0.generation").strip(), "1",
                    "the first ID is adopted, not announced")
            t.ok(is_mixed_in(c, guid), "the ID is mixed in")
    if kernel in WITHOUT_INTREE:
        t.equal(len({before for before, _ in draws}), 1, "without vmgen the siblings draw the same")
    t.equal(len({after for _, after in draws}), SIBLINGS, "with it they draw different bytes")


if __name__ == "__main__":
    tap.main(scenario)
