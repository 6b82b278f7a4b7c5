#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The module comes and goes under load, stays while it is in use, and leaves nothing behind.

A warning of the kernel is a panic in these guests, so each command is also a test that there was
none.
"""

from harness import shapes, tap
from harness.machine import compile_table, scratch
from harness.scenario import boot, generation, new_guid, test_module

ROUNDS = 10
# With a device that QEMU has not got.
TABLE = shapes.TABLES / "bhyve.asl"
RESERVED = "memmap=64K$0x0FFE0000"
LOAD = ("while :; do cat /proc/sys/dev/vmgenc/0/* >/dev/null 2>&1;"
        " dd if=/dev/vmgenid bs=24 count=1 >/dev/null 2>&1; done")


def unload(g):
    """A reader may hold the module for a moment, so try again as an administrator would."""
    g.run("until rmmod vmgenc 2>/dev/null; do :; done")


def unload_table(g, t):
    """The module is unloaded after the table that describes one of its devices; what the log says
    helps."""
    aml = ",".join(map(str, compile_table(TABLE, scratch()).read_bytes()))
    g.run(f"insmod /overlay.ko aml={aml} && insmod /vmgenc.ko && rmmod overlay")
    t.ok(any(line.startswith("\\_SB_.GENC: its ACPI table was unloaded")
             for line in shapes.messages(g)), "a device whose table is unloaded is named in the log")
    g.run(f"insmod /overlay.ko aml={aml}")
    unload(g)
    t.ok(g.execute("test -e /dev/vmgenid")[0], "and the module can be unloaded after that")
    g.run("dmesg -c >/dev/null; insmod /vmgenc.ko")
    t.equal([line for line in shapes.messages(g) if "GENC" in line],
            ["\\_SB_.GENC: it provides no ID, \\_SB_.VGEN is used"],
            "and finds the device again when the table is there again")
    unload(g)
    g.run("rmmod overlay")


def cookie(g):
    """Of a file that was just opened."""
    facts = dict(line.split(" ", 1) for line in g.run("info").splitlines())
    return int(facts["cookie"])


def apart(cookies):
    """No load of the module counts on where another may have counted to."""
    cookies = sorted(cookies)
    return all(b - a > 1 << 32 for a, b in zip(cookies, cookies[1:]))


def scenario(kernel, t):
    with boot(kernel, ["notice", "info"], guid=new_guid(), cpus=2, cmdline=RESERVED,
              files=test_module(kernel, "overlay")) as g:
        status, output = g.execute("insmod /vmgenc.ko")
        t.ok(status and "File exists" in output, "a second insmod is refused")
        reader = g.spawn("exec notice read")
        g.wait_for("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q /dev/vmgenid")
        status, output = g.execute("rmmod vmgenc")
        t.ok(status and "unavailable" in output.lower() or "in use" in output,
             f"rmmod is refused while a reader waits: {output.strip()}")
        g.run(f"kill {reader}; while kill -0 {reader} 2>/dev/null; do sleep 0.1; done")
        unload(g)
        t.ok(g.execute("test -e /dev/vmgenid -o -e /proc/sys/dev/vmgenc")[0],
             "the node and the sysctls are gone")
        unload_table(g, t)

        for _ in range(3):
            g.spawn(LOAD)
        cookies = []
        for _ in range(ROUNDS):
            g.run("insmod /vmgenc.ko")
            cookies.append(cookie(g))
            unload(g)
        g.run("insmod /vmgenc.ko")
        t.equal(generation(g), 1, f"{ROUNDS} times loaded and unloaded under load")
        t.ok(apart(cookies), f"each with cookies of its own: {cookies}")
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("dmesg | grep -q 'generation 2'")
        t.equal(generation(c), 2, "and still notices a change")
        unload(c)
        t.ok(c.execute("test -e /dev/vmgenid")[0], "and can be unloaded after it, under load")


if __name__ == "__main__":
    tap.main(scenario)
