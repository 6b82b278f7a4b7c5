#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The device in a device tree, on a real ARM kernel: found, its interrupt listened to, a timer
where it has none, neither of which sleeps, and every malformed node refused with a sentence."""

import fnmatch
import subprocess

from harness import contexts, tap
from harness.board import LINE, RAM, RESERVE, RESERVED, Board, device, node
from harness.host import Host
from harness.machine import build_directory
from harness.scenario import generation, info, say, seed, test_module
from harness.vmclock import NOTIFICATION_PRESENT, Clock

FIRST, SECOND, CLOCK = RESERVED, RESERVED + 0x1000, RESERVED + 0x2000
# Nobody is the controller before a module of the test is.
LATE = """late: controller {
    compatible = "vmgen,controller"; interrupt-controller; #interrupt-cells = <1>;
};"""
# enum vmgenid_source
NOTIFY, TIMER = "2", "6"
NOTIFIES = 1 << 1           # VMGENID_INFO_NOTIFIES
RAW_PAGE = 1 << 4           # VMGENID_INFO_RAW_PAGE

VENDOR = "; report it to the hypervisor vendor"
FAULTS = {
    "absent": ("", f"it has no reg{VENDOR}"),
    "cells": ("reg = <0 0x5ff00000 0>;", f"its reg is not the address of memory{VENDOR}"),
    "short": (f"reg = <0 {FIRST:#x} 0 8>;", f"its memory is shorter than 16 bytes{VENDOR}"),
    "zero": ("reg = <0 0 0 16>;", f"the address is zero{VENDOR}"),
    "odd": (f"reg = <0 {FIRST + 4:#x} 0 16>;", f"the address is not a multiple of 8{VENDOR}"),
    "used": ("reg = <0 0x48000000 0 16>;",
             f"the address lies in memory that the kernel uses{VENDOR}"),
    # The board's CPU has 44 bits of address.
    "beyond": ("reg = <0x1000 0 0 16>;",
               f"the address is beyond what this CPU can address{VENDOR}"),
    "disabled": (f'reg = <0 {FIRST:#x} 0 16>; status = "disabled";',
                 "ignored, its status is not okay"),
}
# The kernel's own driver would trip over what the module refuses.
WITHOUT_INTREE = "initcall_blacklist=vmgenid_plaform_driver_init"


def messages(g):
    return [line.split("vmgenc: ", 1)[1] for line in g.run("dmesg").splitlines()
            if "vmgenc: " in line]


def changes(g):
    return int(g.run("dmesg | grep -c 'cloned or restored'; :"))


def sysctl(g, name):
    return g.run(f"cat /proc/sys/dev/vmgenc/0/{name}").strip()


def check_found(g, kernel, host, t):
    aliases = subprocess.run(["modinfo", "-F", "alias",
                              build_directory() / "modules" / kernel / "vmgenc.ko"],
                             capture_output=True, text=True, check=True).stdout.split()
    modalias = g.run("cat /sys/bus/platform/devices/*.first/modalias").strip()
    t.ok(any(fnmatch.fnmatchcase(modalias, alias) for alias in aliases),
         "udev loads the module for it")
    guid = host.change()
    g.run("insmod /vmgenc.ko")
    t.equal((sysctl(g, "guid"), sysctl(g, "hid")), (guid, "microsoft,vmgenid"), "its ID is shown")
    t.ok(g.run("readlink /sys/class/misc/vmgenid/device").strip().endswith(".first"),
         "sysfs has the node below the device")
    t.ok(g.execute("grep vmgenc /proc/iomem")[0], "whose memory is left for others to claim")
    t.ok("/second: it provides no ID, /first is used" in messages(g),
         "a second device is named in the log")
    facts = info(g)
    t.equal((facts["generation"], sysctl(g, "poll_ms"), facts["getrandom"]), ("1", "0", "0"),
            "it is not polled, and the library draws")
    for program in ("abi", "library"):
        t.results(g.tap(f"HID=microsoft,vmgenid {program}"))
    flags = int(facts["flags"], 16)
    t.ok(flags & NOTIFIES and flags & RAW_PAGE, "it notifies, and its page can be mapped")


def check_contexts(trace, kernel, interrupt, t):
    """With PREEMPT_RT, handlers and soft interrupts are in threads and may sleep."""
    where, never = (".", "h") if "-rt" in kernel else (interrupt, "hs")
    t.equal(trace.interrupts("vmgenc_notice") & {where}, {where}, "the module's handler was traced")
    t.equal(trace.sleeping(never), [], "nothing in an interrupt calls what may sleep")


def check_interrupt(g, kernel, host, t):
    """As Firecracker does it: everything is in place before the machine goes on."""
    interrupts = g.run("grep vmgenc /proc/interrupts")
    shared = "vmgenid, vmgenc" in interrupts
    with contexts.traced(g) as trace:
        g.pause()
        host.change()
        g.interrupt(LINE)
        g.resume()
        g.wait_for("dmesg | grep -q 'cloned or restored'")
    check_contexts(trace, kernel, "h", t)
    facts = info(g)
    say(f"interrupt {'shared with the in-tree driver' if shared else 'of its own'}: "
        f"{messages(g)[-1]}")
    t.equal((facts["generation"], facts["source"]), ("2", NOTIFY),
            "the interrupt announces a change")
    t.equal(facts["spurious_notifies"], "0", "it was a notification with a change")
    g.interrupt(LINE)
    g.wait_for("info | grep -q 'spurious_notifies 1'")
    t.equal((generation(g), changes(g)), (2, 1), "an interrupt without a change is only counted")


def check_read(g, host, t):
    host.change()
    t.equal((changes(g), generation(g)), (1, 3), "without an interrupt, a read notices")
    g.run("rmmod vmgenc")
    t.ok(g.execute("grep vmgenc /proc/interrupts")[0], "unloaded, it listens no more")
    g.interrupt(LINE)
    g.run("insmod /vmgenc.ko")
    t.equal(generation(g), 1, "and it can be loaded again")


def check_good(kernel, t):
    nodes = "\n".join((RESERVE, node("absent", ""), device("first", FIRST),
                       device("second", SECOND, "")))
    with Board(kernel, nodes) as g:
        say(f"{kernel}: the shell answers {g.uptime():.1f} s after the kernel's start")
        host = Host(g, at=FIRST - RAM)
        seed(g)
        check_found(g, kernel, host, t)
        check_interrupt(g, kernel, host, t)
        check_read(g, host, t)


def check_timer(kernel, t):
    vmclock = device("clock", CLOCK, size=0x1000, compatible="amazon,vmclock")
    short = device("short-clock", CLOCK, size=104, compatible="amazon,vmclock")
    late = device("late", SECOND, "interrupt-parent = <&late>; interrupts = <0>;")
    nodes = "\n".join((RESERVE, LATE, device("silent", FIRST, ""), late, vmclock, short))
    files = test_module(kernel, "controller") | test_module(kernel, "oneshot")
    with Board(kernel, nodes, WITHOUT_INTREE, files=files) as g:
        host = Host(g, at=FIRST - RAM)
        host.change()
        g.run("insmod /vmgenc.ko")
        t.ok("/silent: it has no usable interrupt, so a timer looks for changes" in messages(g),
             "a node without an interrupt is used, and the log says how")
        t.ok(not int(info(g)["flags"], 16) & NOTIFIES, "it does not notify")
        t.equal(sysctl(g, "poll_ms"), "1000", "it is polled")
        with contexts.traced(g) as trace:
            host.change()
            g.wait_for("dmesg | grep -q 'detected by timer'")
        check_contexts(trace, kernel, "s", t)
        t.equal(info(g)["source"], TIMER, "the timer notices a change")
        check_late(g, host, t)
        g.run("rmmod vmgenc")
        check_vmclock(g, kernel, host, t)


def check_late(g, host, t):
    t.ok("/late: its interrupt controller is not there yet, so a timer looks for changes"
         in messages(g), "an interrupt that cannot be had yet is waited for")
    g.run("echo 0 >/proc/sys/dev/vmgenc/0/poll_ms; insmod /controller.ko")
    g.wait_for("grep vmgenc /proc/interrupts")
    host.change()
    g.run("echo 1 >/sys/module/controller/parameters/raise")
    g.wait_for("dmesg | tail -n 1 | grep -q 'detected by notify'")
    t.equal(info(g)["source"], NOTIFY, "and listened to when it is there")


def check_vmclock(g, kernel, host, t):
    """The same board; the ID is none now."""
    # Until 6.9 nobody can share an interrupt with a handler that masks it meanwhile.
    if not kernel.startswith("6.1-"):
        g.run("insmod /oneshot.ko")
    clock = Clock(g, CLOCK - RAM)
    host.write(bytes(16))
    clock.fill(NOTIFICATION_PRESENT)
    g.run("insmod /vmgenc.ko")
    t.equal((sysctl(g, "hid"), sysctl(g, "guid"), sysctl(g, "poll_ms")), ("amazon,vmclock", "", "0"),
            "where nothing provides an ID a VMClock is used")
    t.ok("/silent: it provides no ID, /clock is used" in messages(g), "the log says so")
    t.ok(f"/short-clock: its memory is shorter than 112 bytes{VENDOR}" in messages(g),
         "and what is wrong with another one")
    t.equal(info(g)["getrandom"], "0", "and the library draws")
    g.pause()
    clock.change()
    g.interrupt(LINE)
    g.resume()
    g.wait_for("dmesg | tail -n 1 | grep -q 'detected by notify'")
    t.equal(info(g)["source"], NOTIFY, "its interrupt tells of a restore")
    clock.disrupt()
    g.interrupt(LINE)
    t.equal((generation(g), info(g)["spurious_notifies"]), (2, "0"), "and of other things")
    g.run("rmmod vmgenc")
    t.ok(g.execute("grep vmgenc /proc/interrupts")[0], "unloaded, it listens no more")


def check_malformed(kernel, t):
    bad = [node(name, properties) for name, (properties, fault) in FAULTS.items()]
    closed = f"closed {{ #address-cells = <2>; #size-cells = <2>; {device('bus', FIRST)} }};"
    with Board(kernel, "\n".join((RESERVE, *bad, closed)), WITHOUT_INTREE) as g:
        status, output = g.execute("insmod /vmgenc.ko")
        t.ok(status and "No such device" in output, "malformed nodes: there is no device")
        said = messages(g)
        for name, (_, fault) in FAULTS.items():
            t.equal({m for m in said if m.startswith(f"/{name}:")}, {f"/{name}: {fault}"},
                    f"{name}: {fault}")
        t.ok(f"/closed/bus: its reg is not the address of memory{VENDOR}" in said,
             "a bus whose addresses lead nowhere")
        t.ok(any("no usable generation ID device" in m for m in said), "the log sums it up")
        t.ok(g.execute("test -e /dev/vmgenid -o -e /sys/module/vmgenc")[0],
             "nothing is left behind")


def scenario(kernel, t):
    check_good(kernel, t)
    check_timer(kernel, t)
    check_malformed(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
