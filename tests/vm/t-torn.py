#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The host writes the 16 bytes of the ID in two goes. Both values reach the generator, and the
generation moves once if the second came while the first was settled, else twice. And a whole ID
that comes while another one is told."""

import re
import struct
import uuid

from harness import tap
from harness.gdb import Gdb
from harness.handle import Handle
from harness.host import Host
from harness.scenario import boot, generation, info, new_guid, seed

TRACE = "/sys/kernel/tracing"
# The ID is two words that are passed by value, in the second and third register.
PROBE = "p:reseed vmgenc:vmgenc_random_reseed a=%si:x64 b=%dx:x64"
# What usleep_range() is in the kernel that runs.
PAUSE = "p:pause $(grep -owE 'usleep_range(_state)?' /proc/kallsyms | sort | tail -n 1)"
LOOK = "while :; do sysctl -n dev.vmgenc.0.generation; done >/dev/null"


def watch_reseeds(g):
    g.run(f"mount -t tracefs tracefs {TRACE}; cd {TRACE};"
          f" echo '{PROBE}' >kprobe_events; echo \"{PAUSE}\" >>kprobe_events;"
          " echo 1 >events/kprobes/enable")


def reseeds(g):
    """Since the last look: the IDs that the generator was given, in the form of the memory, and how
    often the module has waited for the other half."""
    trace = g.run(f"cd {TRACE}; cat trace; echo >trace")
    words = re.findall(r" a=(\w+) b=(\w+)", trace)
    pauses = re.findall(r"^ *vmgenc-\d+ .*: pause: ", trace, re.MULTILINE)
    return [struct.pack("=QQ", int(a, 16), int(b, 16)) for a, b in words], len(pauses)


def check_slow(g, host, old, t):
    """The halves are further apart than the module waits."""
    new = uuid.uuid4().bytes_le
    torn = new[:8] + old[8:]
    before = generation(g)
    host.write(new[:8])
    t.equal(generation(g), before + 1, "half an ID that stays is an ID")
    host.write(new[8:], offset=8)
    t.equal(generation(g), before + 2, "the other half is a change of its own")
    t.equal(reseeds(g), ([torn, new], 2), "the generator was given both, and each waited for more")
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
    t.equal(reseeds(g), ([new[:8] + old[8:], new], 1), "the generator was given both anyway")
    t.equal(generation(g), before + 1, "and nothing comes after")
    t.equal(info(g)["record_flags"], "0", "the generator was reseeded")
    t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), str(uuid.UUID(bytes_le=new)),
            "the ID is the whole one")


def check_next(g, host, t):
    """Another ID comes when the module has looked for the last time before it tells of the first,
    and nobody looks after that: the generation of the mapped page moves by itself."""
    handle = Handle(g, "page")
    t.equal(handle.ask("open 0"), 0, "a page is mapped")
    before = handle.ask("generation")
    address = int(g.run("grep -w vmgenc_waiters_wake /proc/kallsyms").split()[0], 16)
    # On one CPU it stops before it could look again.
    handle.begin(f"take_until {before}")
    g.pause()
    host.write(uuid.uuid4().bytes_le)
    with Gdb(g) as gdb:
        gdb.run_to(address)
        host.write(uuid.uuid4().bytes_le)
        g.resume()
        t.equal(handle.end(), 0, "the first change is told")
    for _ in range(100):
        if handle.ask("generation") > before + 1:
            break
        g.run("sleep 0.1")
    t.equal(handle.ask("generation"), before + 2, "and the second one, for which nobody has asked")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["handle", "info"], guid=guid, shared=True) as g:
        seed(g)
        watch_reseeds(g)
        host = Host(g, guid)
        old = check_slow(g, host, uuid.UUID(guid).bytes_le, t)
        check_fast(g, host, old, t)
        check_next(g, host, t)


if __name__ == "__main__":
    tap.main(scenario)
