#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""/dev/sysgenid keeps the interface that programs were written for, has the generator
reseed when it is told to move, and leaves alone one that is there already."""

from harness import tap
from harness.scenario import boot, new_guid, test_module

TRACE = "/sys/kernel/tracing"
RNDRESEEDCRNG = 0x5207
# As in stall/stall.c.
STALL_MS = 100
TAKEN = "/dev/sysgenid is there already"


def load(g, parameters=""):
    """What the module says when it is loaded."""
    g.run(f"rmmod vmgenc 2>/dev/null; dmesg -c >/dev/null; insmod /vmgenc.ko {parameters}")
    return g.run("dmesg")


def check_interface(g, t):
    t.equal(g.run("stat -c '%a %u %g %F' /dev/sysgenid").strip(), "444 0 0 character special file",
            "everybody may read the node, nobody may write")
    for program in ("sysgenid", "watchers"):
        t.results(g.tap(program))


def check_reseed(g, t):
    """By the kernel's own trace of the requests that /dev/urandom gets."""
    g.run(f"mount -t tracefs tracefs {TRACE}; cd {TRACE};"
          " echo 'p:urandom random_ioctl request=$arg2:x32' >kprobe_events;"
          " echo 1 >events/kprobes/enable; sysgenid trigger; echo 0 >events/kprobes/enable")
    calls = [line.split() for line in g.run(f"grep urandom: {TRACE}/trace").splitlines()]
    t.equal([(call[0].split("-")[0], call[-1]) for call in calls],
            [("vmgenc", f"request={RNDRESEEDCRNG:#x}")], "TRIGGER has the generator reseed, once")
    g.run(f"echo >{TRACE}/kprobe_events; insmod /stall.ko")
    took = int(g.run("sysgenid time"))
    t.ok(took >= STALL_MS, f"and does not move before that is done: {took} ms")
    g.run("rmmod stall")


def check_name(g, t):
    t.ok("sysgenid" not in load(g, "sysgenid=0"), "with sysgenid=0 the module says nothing")
    t.ok(g.execute("test -e /dev/sysgenid")[0], "and there is no device")
    t.equal(g.run("cat /sys/module/vmgenc/parameters/sysgenid").strip(), "N", "sysfs shows it")
    status, output = g.execute("rmmod vmgenc; insmod /vmgenc.ko sysgenid=maybe")
    t.ok(status, f"another value is refused: {output.strip()}")

    g.run("insmod /rival.ko")
    theirs = g.run("stat -c %t:%T /dev/sysgenid")
    t.equal(load(g).count(TAKEN), 1, "another driver's device: one line in the log")
    t.equal(g.run("stat -c %t:%T /dev/sysgenid"), theirs, "it is still theirs")
    t.equal(g.run("sysctl -n dev.vmgenc.0.generation; cat /dev/sysgenid").split(), ["1", "rival"],
            "both drivers work")
    g.run("rm /dev/sysgenid")
    t.equal(load(g).count(TAKEN), 1, "their device without a node is seen as well")
    g.run("rmmod vmgenc; rmmod rival; echo theirs >/dev/sysgenid")
    t.equal(load(g).count(TAKEN), 1, "a file in its place: one line in the log")
    t.equal(g.run("rmmod vmgenc; cat /dev/sysgenid; rm /dev/sysgenid").strip(), "theirs",
            "and it stays")
    t.ok("sysgenid" not in load(g), "when the name is free again it is used")
    t.equal(g.run("sysgenid show").strip(), "0", "and begins at 0")


def scenario(kernel, t):
    with boot(kernel, ["sysgenid", "watchers"], guid=new_guid(), cpus=2,
              files={**test_module(kernel, "rival"), **test_module(kernel, "stall")}) as g:
        check_interface(g, t)
        check_reseed(g, t)
        check_name(g, t)


if __name__ == "__main__":
    tap.main(scenario)
