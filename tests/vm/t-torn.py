#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The host writes the 16 bytes of the ID in two goes. Both values reach the generator, and the
generation moves once if the second came while the first was settled, else twice."""

import re
import struct
import uuid

from harness import tap
from harness.gdb import Gdb
from harness.host import Host
from harness.scenario import boot, generation, info, new_guid, seed

TRACE = "/sys/kernel/tracing"
# The ID is two words that are passed by value, in the second and third register.
PROBE = "p:reseed vmgenc:vmgenc_random_reseed a=%si:x64 b=%dx:x64"
LOOK = "while :; do sysctl -n dev.vmgenc.0.generation; done >/dev/null"


def watch_reseeds(g):
    g.run(f"mount -t tracefs tracefs {TRACE}; cd {TRACE};"
          f" echo '{PROBE}' >kprobe_events && echo 1 >events/kprobes/reseed/enable")


def reseeds(g):
    """The IDs that the generator was given since the last look, in the form of the memory."""
    trace = g.run(f"cd {TRACE}; cat trace; echo >trace")
    words = re.findall(r" a=(\w+) b=(\w+)", trace)
    return [struct.pack("=QQ", int(a, 16), int(b, 16)) for a, b in words]


def check_slow(g, host, old, t):
    """The halves are further apart than the module waits."""
    new = uuid.uuid4().bytes_le
    torn = new[:8] + old[8:]
    before = generation(g)
    host.write(new[:8])
    t.equal(generation(g), before + 1, "half an ID that stays is an ID")
    host.write(new[8:], offset=8)
    t.equal(generation(g), before + 2, "the other half is a change of its own")
    t.equal(reseeds(g), [torn, new], "the generator was given both")
    return new


def check_fast(g, host, old, t):
    """The second half comes between the module's first look and its second."""
    new = uuid.uuid4().bytes_le
    before = generation(g)
    address = int(g.run("grep -w vmgenc_random_reseed /proc/kallsyms").split()[0], 16)
    looking = g.spawn(LOOK)
    g.pause()
    host.write(new[:8])
    with Gdb(g) as gdb:
        gdb.run_to(address)
        host.write(new[8:], offset=8)
        g.resume()
        t.equal(generation(g), before + 1, "an ID that is completed meanwhile is one change")
    g.run(f"kill {looking}")
    t.equal(reseeds(g), [new[:8] + old[8:], new], "the generator was given both all the same")
    t.equal(generation(g), before + 1, "and nothing comes after")
    t.equal(info(g)["record_flags"], "0", "the generator was reseeded")
    t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), str(uuid.UUID(bytes_le=new)),
            "the ID is the whole one")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["info"], guid=guid, shared=True) as g:
        seed(g)
        watch_reseeds(g)
        host = Host(g, guid)
        old = check_slow(g, host, uuid.UUID(guid).bytes_le, t)
        check_fast(g, host, old, t)


if __name__ == "__main__":
    tap.main(scenario)
