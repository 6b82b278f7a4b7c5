#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The library on Linux's own /dev/vmclock0: it is taken where there is no /dev/vmgenid, tells of
restores and of nothing else, has no window, and says of QEMU's that it counts no generations.
The clock of a clone is set by its page, in UTC or TAI as that says."""

import struct

from harness import qemu as qemus, tap
from harness.first import First
from harness.handle import (EVENTS, EXACT, NOTIFIES, POLLIN, RAW, VMCLOCK, Handle, failed)
from harness.scenario import ALL, NOBODY, boot, generation, say
from harness.vmclock import (BEHIND, COUNTER, FLAGS, LEAP_SECONDS, MARKER, NOTIFICATION_PRESENT, TAI,
                             UTC, Clock, boot_with_page, driver)

SECOND = 1000000000
HOURS = 3 * 3600
PTP = "/dev/ptp0"


def check_silent(g, clock, t):
    """The hypervisor does not notify."""
    clock.fill()
    g.run("insmod /ptp_vmclock.ko")
    h = Handle(g, "silent")
    t.equal(h.ask("open 0"), 0, "/dev/vmclock0 is taken where there is nothing better")
    t.equal(h.facts(), (VMCLOCK, RAW | EXACT, 1), "its page is looked at, and it has no events")
    t.equal(h.ask("fd", "getrandom", "id"), failed("EOPNOTSUPP", "EOPNOTSUPP", "EOPNOTSUPP"),
            "no descriptor, no random bytes, no ID: EOPNOTSUPP")
    t.equal(h.ask("changed", "changed_now", "guard"), [0, 0, [1, 1]], "nothing has changed")
    clock.disrupt()
    t.equal(h.ask("changed", "changed_now", "guard", "generation"), [0, 0, [0, 1], 1],
            "a live migration is no change")
    clock.change()
    t.equal(h.ask("changed", "changed", "guard", "guard", "generation"),
            [1, 0, [1, 2], [0, 2], 2], "a restore is one change")
    t.equal(h.ask("read", "read"), [[0, 2], [*failed("EAGAIN"), 0]], "which is read once")
    clock.change()
    t.equal(h.ask("changed_now", "changed", "event"), [1, 0, [0, 3]], "and so is the next")
    h.begin("wait 3 -1")
    t.ok(h.is_waiting(), "vmgen_wait() waits")
    clock.disrupt()
    t.ok(h.is_waiting(), "over a live migration as well")
    clock.change()
    t.equal(h.end(), [0, 4], "and ends with the restore")
    h.ask("changed")
    return h


def check_writing(clock, h, t):
    """The hypervisor begins to write, and takes its time."""
    clock.begin()
    t.equal(h.ask("changed", "event", "wait 4 0"), [0, *([r, 0] for r in 2 * failed("ETIMEDOUT"))],
            "while the host writes nobody waits for ever: ETIMEDOUT")
    t.equal(h.ask("changed_now", "changed_now"), [1, 1], "and who asks for now hears yes")
    clock.add(COUNTER)
    t.equal(h.ask("changed", "changed"), [1, 0], "the counter counts before the host has ended")
    clock.end()
    t.equal(h.ask("changed_now", "event"), [0, [0, 5]], "afterwards all is as it was")


def check_nobody(g, t):
    t.equal(g.run("stat -c %a /dev/vmclock0").strip(), "600", "the node is root's")
    h = Handle(g, "nobody", NOBODY)
    t.equal(h.ask("open 0", f"open {VMCLOCK}", "changed"), [*failed("EACCES", "EACCES"), 1],
            "nobody may not open it: EACCES, and hears that everything has changed")
    g.run("chmod 644 /dev/vmclock0")
    t.equal(h.ask("open 0"), 0, "once it may the call can be repeated")
    t.equal(h.facts(), (VMCLOCK, RAW | EXACT, 5), "and the handle is as good as root's")
    h.ask("close")


def check_notifying(g, clock, h, t):
    status, output = g.execute("rmmod ptp_vmclock")
    t.ok(status, f"the driver stays while the library has it open: {output.strip()}")
    h.ask("close")
    g.run("rmmod ptp_vmclock")
    t.equal(h.ask("open 0"), *failed("ENOENT"), "without it there is no device: ENOENT")
    clock.fill(NOTIFICATION_PRESENT)
    g.run("insmod /ptp_vmclock.ko")
    t.equal(h.ask("open 0", "fd"), [0, 0], "one that notifies has a descriptor")
    t.equal(h.facts(), (VMCLOCK, RAW | EXACT | EVENTS, 1), "and events")
    t.ok(h.ask("info")[2] & NOTIFIES, "and says so")
    h.begin("poll -1")
    t.ok(h.is_waiting(), "the descriptor sleeps")
    clock.change()
    t.ok(h.is_waiting(), "also when the page has changed, until the Notify")
    clock.notify()
    t.equal(h.end(), [1, POLLIN], "which wakes it")
    t.equal(h.ask("changed", "read", "read", "poll 0"),
            [1, [0, 2], [*failed("EAGAIN"), 0], [0, 0]], "the change is read once")
    clock.disrupt()
    clock.notify()
    t.equal(h.ask("poll 0", "read", "poll 0", "changed"),
            [[1, POLLIN], [*failed("EAGAIN"), 0], [0, 0], 0],
            "a live migration wakes it too, and is nothing to read")
    t.equal(h.ask(f"wait 2 {SECOND // 10}"), [*failed("ETIMEDOUT"), 0], "nor to end a wait")


def check_module(g, clock, t):
    """vmgen's own module beside the kernel's driver: loaded second, then first."""
    g.run("insmod /vmgenc.ko")
    clock.change()
    clock.notify()
    t.equal(generation(g), 2, "the module works beside the kernel's driver")
    g.run("rmmod ptp_vmclock && insmod /ptp_vmclock.ko && test -c /dev/vmclock0")
    clock.change()
    clock.notify()
    t.equal(generation(g), 3, "which binds beside the module")
    g.run("rmmod vmgenc")


def check_clone(snapshot, h, first, known, t):
    with snapshot.clone(paused=True) as c:
        h, first = h.of(c), first.of(c)
        rounds = first.rounds()
        t.ok(min(rounds["look"]) > 0, "a program was at work when the snapshot was taken")
        Clock(c).change()
        c.resume()
        stale = first.stale(rounds)
        t.equal(stale, [0], "in a clone it sees the change at its first instruction")
        t.equal(h.end(), [0, known + 1], "vmgen_wait() ends")
        t.equal(h.ask("changed", "guard", "guard"), [1, [1, 3], [0, 3]], "and all is told once")
    return stale


def moment(g, clock=""):
    """(seconds of a clock, the counter of the CPU at that moment)"""
    ns, ticks = g.run(f"moment {clock}").split()
    return int(ns) / SECOND, int(ticks)


def check_time(snapshot, period, t):
    """A clone that lay for hours, whose host tells the time in UTC or TAI."""
    for scale, offset, name in ((UTC, BEHIND, "UTC"), (TAI, BEHIND, "TAI"),
                                (TAI, LEAP_SECONDS, "TAI, by the text of UAPI.13 1.0")):
        with snapshot.clone() as c:
            stale, ticks = moment(c)
            Clock(c).tell(scale, (ticks, period), stale + HOURS, offset)

            def off(seconds, now):
                # By what the host has said, however busy this machine is.
                return seconds - (stale + HOURS + (now - ticks) * period)
            before, begun = moment(c)
            said = c.run("clock")
            after, ended = moment(c)
            t.ok(abs(off(after, ended)) < 1 and "to the VMClock" in said,
                 f"a clone's clock is set by a page in {name}") or t.note(said)
            say(f"VMClock in {name}: off by {off(before, begun):+.3f} s, after "
                f"{(ended - begun) * period:.2f} s by {off(after, ended):+.3f} s")


def check_scale(g, clock, t):
    """Linux's PTP clock tells TAI since 7.0, whatever is in the page."""
    for scale, name in ((UTC, "UTC"), (TAI, "TAI")):
        told, ticks = moment(g)
        clock.fill()
        clock.tell(scale, (ticks, 1 / SECOND), told)
        g.run("insmod /ptp_vmclock.ko")
        ptp, now = moment(g, PTP)
        ahead = ptp - told - (now - ticks) / SECOND
        t.ok(abs(ahead - LEAP_SECONDS) < 1, f"Linux's PTP clock of a VMClock in {name} tells TAI")
        say(f"{g.machine.kernel.release}: the PTP clock of a VMClock in {name} is ahead of UTC by "
            f"{ahead:+.3f} s")
        g.run("rmmod ptp_vmclock")
    clock.fill()


def check_qemu(kernel, qemu, t):
    name = qemu.version().split(" (")[0]
    with boot(kernel, ["handle", "clock"], load=False, qemu=qemu, devices=("vmclock",),
              files=driver(kernel)) as g:
        g.run("insmod /ptp_vmclock.ko && test -c /dev/vmclock0")
        t.equal(Handle(g, "qemu").ask("open 0", f"open {VMCLOCK}"), failed("ENODATA", "ENODATA"),
                f"{name}: its own counts no generations: ENODATA")
        t.ok("the RTC" in g.run("clock"), f"{name}: nor does it tell the time, so the RTC does")
        t.ok(g.execute("insmod /vmgenc.ko")[0] and
             "it does not count the restores of the machine" in g.run("dmesg"),
             f"{name}: nor does the module use it, and says why")
        before = page(g)
        snapshot = g.snapshot()
    with snapshot.clone() as c:
        after = page(c)
    t.equal([after[what] - before[what] for what in ("marker", "counter")], [1, 0],
            f"{name}: a restore is a disruption there, and no generation")
    say(f"{kernel}: VMClock of {name}: before and after a restore {before} {after}")


def page(g):
    """What is in it."""
    data = bytes.fromhex(g.run("dd if=/dev/vmclock0 bs=4096 count=1 2>/dev/null | "
                               "od -A n -v -t x1").replace("\n", ""))
    fields = {"marker": MARKER, "flags": FLAGS, "counter": COUNTER}
    return {name: struct.unpack_from(form, data, at)[0] for name, (at, form) in fields.items()}


def scenario(kernel, t):
    with boot_with_page(kernel, ["handle", "first", "clock", "moment"]) as g:
        clock = Clock(g)
        check_scale(g, clock, t)
        early = moment(g)
        h = check_silent(g, clock, t)
        check_writing(clock, h, t)
        check_nobody(g, t)
        check_notifying(g, clock, h, t)
        h.ask("close")
        check_module(g, clock, t)
        t.equal(h.ask("open 0"), 0, "without it all is as before")
        known = h.ask("generation")
        h.begin(f"wait {known} -1")
        seconds, ticks = moment(g)
        period = (seconds - early[0]) / (ticks - early[1])
        first = First(g, 0)
        snapshot = g.snapshot()
    stale = check_clone(snapshot, h, first, known, t)
    check_time(snapshot, period, t)
    check_qemu(kernel, qemus.newer(), t)
    if ALL:
        check_qemu(kernel, qemus.newest(), t)
    say(f"{kernel}: rounds on the old generation after resume, VMClock, 1 CPU: {stale[0]}")


if __name__ == "__main__":
    tap.main(scenario)
