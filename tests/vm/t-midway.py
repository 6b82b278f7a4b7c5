#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A clone is itself cloned while the module is settling the change, at instants spread over all of
its instructions: each of those clones settles with its own ID and draws numbers of its own."""

import mmap

from harness import tap
from harness.gdb import PC, Gdb
from harness.scenario import ALL, boot, generation, info, new_guid, say, seed

INSTANTS = 16 if ALL else 8
DRAWS = 50
WAYS = ("poll", "map")
# How a snapshot says why the machine stands still: QEMU will not come up stopped by a debugger.
DEBUGGED, PAUSED = b"\0\0\0\6debug\0\0", b"\0\0\0\7paused\0"


def prepare(kernel):
    """A snapshot with everybody waiting, and the addresses of the functions of the module."""
    guid = new_guid()
    with boot(kernel, ["draw", "notice", "info"], guid=guid, icount=True) as g:
        symbols = map(str.split, g.run("grep '\\[vmgenc\\]' /proc/kallsyms").splitlines())
        addresses = {name: int(address, 16) for address, _, name, _ in symbols}
        seed(g)
        for way in WAYS:
            g.spawn(f"notice {way} >/tmp/{way}")
        g.wait_for("test $(ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c /dev/vmgenid) -ge 2")
        g.spawn(f"draw {guid} {DRAWS} 60 >/tmp/draws")
        g.wait_for("grep -q ready /tmp/draws")
        return g.snapshot(), addresses


def instructions(snapshot, settle):
    """How many of them the module's stage 2 takes."""
    count = 0
    with snapshot.clone(guid=new_guid(), paused=True) as c, Gdb(c) as gdb:
        gdb.run_to(settle)
        end = gdb.return_address()
        while gdb.register(PC) != end:
            gdb.step()
            count += 1
    return count


def save(c):
    snapshot = c.save()
    with open(snapshot.path, "r+b") as file, mmap.mmap(file.fileno(), 0) as state:
        # The last: what the guest's memory holds comes before.
        start = state.rfind(DEBUGGED)
        state[start:start + len(PAUSED)] = PAUSED
    return snapshot


def midway(snapshot, addresses, instants):
    """[(instant, snapshot)] of one clone: when its change is noticed, and while it is settled."""
    with snapshot.clone(guid=new_guid(), paused=True) as c, Gdb(c) as gdb:
        gdb.run_to(addresses["vmgenc_notice"])
        yield "noticed", save(c)
        gdb.run_to(addresses["settle"])
        done = 0
        for instant in instants:
            for _ in range(instant - done):
                gdb.step()
            done = instant
            yield f"instruction {instant}", save(c)


def outcome(snapshot):
    """(generation, whether all is well, everything that was drawn) of a clone."""
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for(f"test $(wc -l </tmp/draws) -ge {DRAWS + 2}")
        for way in WAYS:
            c.wait_for(f"grep . /tmp/{way}")
        well = (c.run("sysctl -n dev.vmgenc.0.guid").strip() == c.guid()
                and info(c)["record_flags"] == "0")
        drawn = c.run("sed 1,2d /tmp/draws; cut -d' ' -f2- " +
                      " ".join(f"/tmp/{way}" for way in WAYS)).split()
        return generation(c), well, set(drawn)


def scenario(kernel, t):
    snapshot, addresses = prepare(kernel)
    length = instructions(snapshot, addresses["settle"])
    instants = [length * i // INSTANTS for i in range(INSTANTS)]
    moved = []
    for instant, middle in midway(snapshot, addresses, instants):
        (gen_a, well_a, a), (gen_b, well_b, b) = outcome(middle), outcome(middle)
        middle.path.unlink()
        moved.append(gen_a)
        t.ok(gen_a == gen_b and gen_a in (2, 3) and well_a and well_b,
             f"{instant} of {length}: clones settle, at generation {gen_a}")
        t.equal(len(a & b), 0, "and draw nothing in common")
    t.ok({2, 3} <= set(moved), "some were cloned before the generation moved, some after")
    say(f"{kernel}: {len(moved)} instants in {length} instructions of stage 2, "
        f"{moved.count(2)} before the generation moved")


if __name__ == "__main__":
    tap.main(scenario)
