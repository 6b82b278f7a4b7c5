#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The module on a machine that has no ID but a VMClock that counts restores: each is detected, the
kernel's generator reseeds, and that there is no ID is said. A VMClock that does not count is refused."""

import secrets
import struct
import time
import uuid

from harness import drivers, draws, hostport, kernel as kernels, sanitizer, tap
from harness.scenario import generation, info, say, seed
from harness.siblings import UPTIME, in_common
from harness.vmclock import (COUNTER, FLAGS, NOTIFICATION_PRESENT, PAD, TIME_FRAC, TIME_SEC,
                             VM_GEN_COUNTER_PRESENT, Clock, boot_with_page)

DRAWS = 1000
MODULES = ("virtio_pci", "virtio_console")
# VMGENID_INFO_NOTIFIES, _ID_VALID, _ID_SHOWN, _RAW_PAGE, _COUNTER
NOTIFIES, COUNTS = 1 << 1, 1 << 6
ID_FLAGS = 1 << 2 | 1 << 3 | 1 << 4
NO_ID = 2
DEGRADED = 8                # of vmgenctl's exit statuses
HOOK, LOG = "/etc/vmgen/hooks.d/80-log", "#!/bin/sh\necho $VMGEN_EVENT >>/run/ran\n"
REFUSED = (
    ({"magic": 0}, "its memory is not that of a VMClock"),
    ({"version": 2}, "its version is not 1"),
    ({"present": 0}, "it does not count the restores of the machine"),
    # Before 7.0, which knows no flag of it.
    ({"size": 104}, "it does not count the restores of the machine"),
    ({"size": 8192}, "it is longer than its memory"),
)


def said(g):
    return [line.split("vmgenc: ", 1)[1] for line in g.run("dmesg").splitlines()
            if "vmgenc: " in line]


def sysctl(g, name):
    return g.run(f"cat /proc/sys/dev/vmgenc/0/{name}").strip()


def flags(g):
    return int(info(g)["flags"], 16)


def check_refused(g, clock, t):
    for page, fault in REFUSED:
        clock.fill(**page)
        g.run("dmesg -c")
        status, output = g.execute("insmod /vmgenc.ko")
        t.ok(status and "No such device" in output, f"{fault}: there is no device")
        t.ok(f"\\_SB_.VGEN: {fault}, so it is of no use here" in said(g), "and the log says why")


def check_found(g, clock, t):
    clock.fill()
    g.run("insmod /vmgenc.ko")
    t.ok(any("there is no ID" in line for line in said(g)), "the log says that there is no ID")
    t.equal((sysctl(g, "hid"), sysctl(g, "guid"), sysctl(g, "poll_ms")), ("AMZNC10C", "", "1000"),
            "sysctl: a VMClock, no ID, and it is looked at")
    facts = info(g)
    t.equal(int(facts["flags"], 16) & (COUNTS | ID_FLAGS | NOTIFIES), COUNTS, "INFO: no ID")
    t.equal((facts["generation"], facts["record_flags"], facts["getrandom"]), ("1", "0", "0"),
            "the generation counts, and vmgen_getrandom() draws")
    t.equal(g.run("grep -c vmgenc /proc/iomem; :").strip(), "0", "no memory is claimed")


def check_changes(g, clock, t):
    clock.disrupt()
    t.equal(generation(g), 1, "a live migration is no change")
    g.run("dmesg -c")
    clock.change()
    t.equal(generation(g), 2, "a restore is one")
    t.ok(any("cloned or restored: generation 2" in line for line in said(g)), "and the log says so")
    clock.begin()
    t.equal(generation(g), 2, "while the host writes, calls end")
    clock.add(COUNTER)
    t.equal(generation(g), 3, "and a counter that has moved counts")
    clock.end()
    t.equal(generation(g), 3, "once")
    clock.set(COUNTER, 2 ** 64 - 1)
    t.equal(generation(g), 4, "the counter may be anything: all ones")
    clock.set(COUNTER, 0)
    t.equal(generation(g), 5, "and wraps")
    clock.add(COUNTER)
    g.wait_for("dmesg | grep -q 'detected by timer'")
    t.equal(generation(g), 6, "where nobody asks, the timer does")


def check_lost(g, clock, t):
    clock.set(FLAGS, 0)
    facts = info(g)
    t.equal((facts["generation"], int(facts["record_flags"], 16), facts["getrandom"]),
            ("6", NO_ID, "-61"), "a host without the counter is no change, and is told")
    t.ok(any("no generation counter any more" in line for line in said(g)), "in the log as well")
    clock.set(FLAGS, VM_GEN_COUNTER_PRESENT)
    facts = info(g)
    t.equal((facts["generation"], facts["record_flags"]), ("7", "0"), "to get one back is a change")
    g.run("rmmod vmgenc")


def check_notified(g, clock, t):
    clock.fill(NOTIFICATION_PRESENT)
    g.run("insmod /vmgenc.ko")
    t.equal((sysctl(g, "poll_ms"), flags(g) & NOTIFIES), ("0", NOTIFIES), "one that notifies")
    clock.disrupt()
    clock.notify()
    t.equal((info(g)["generation"], info(g)["spurious_notifies"]), ("1", "0"),
            "it notifies of other things, too, and none of these is spurious")
    clock.change()
    clock.notify()
    g.wait_for("dmesg | grep -q 'detected by notify'")
    t.equal(generation(g), 2, "its notification tells of a restore")


def ran(g, event):
    g.wait_for(f"grep -qx {event} /run/ran")
    g.run("rm /run/ran")


def stop_vmgend(g):
    g.run("vmgenctl wait --settled && kill $(pidof vmgend) && while pidof vmgend; do sleep 0.1; done")


def told(report):
    return report["event"], report["outcome"], report["id_hash"]


def check_vmgend(g, clock, port, t):
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")
    status, output = g.execute("vmgenctl check")
    t.equal(status, DEGRADED, "vmgenctl check finds a problem")
    t.ok("counts restores and has no ID: a change while this system is down is not detected" in output,
         "which is that there is no ID")
    t.ok("without it a change while this system is down is not detected" in g.run("cat /run/vmgend.log"),
         "vmgend says so, too")
    first = port.report()
    t.equal(told(first), ("adopted", "adopted", ""), "the host is told by a report without a hash")
    clock.change()
    clock.notify()
    ran(g, "changed")
    report = port.report()
    t.ok(told(report) == ("changed", "repaired", "") and
         report["detected_usec"] > first["detected_usec"], "another change is one of another time")
    t.ok('"source":"counter"' in g.run("cat /run/vmgen/status.json"),
         "a restore is a change: hooks run")
    stop_vmgend(g)
    clock.change()
    clock.notify()
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    t.happens("so is one while vmgend is not running", ran, g, "changed")
    stop_vmgend(g)
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")
    t.ok(g.execute("test -e /run/ran")[0], "what was handled is not handled again")
    stop_vmgend(g)


def check_loaded_anew(g, clock, t):
    """The module counts from 1 again, so that its numbers were there before."""
    handled = generation(g)
    g.run("rmmod vmgenc && insmod /vmgenc.ko")
    while generation(g) < handled:
        clock.change()
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    ran(g, "changed")
    t.equal(generation(g), handled, "loaded anew, a change of the number that was handled is noticed")
    stop_vmgend(g)
    g.run("rmmod vmgenc && insmod /vmgenc.ko")
    g.spawn("exec vmgend >/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")
    t.ok(g.execute("test -e /run/ran")[0], "loaded anew alone is no change")
    t.ok("adopted: without an ID" in g.run("cat /run/vmgend.log"), "and the log says what can be known")


def begin(g, clock):
    """The counter begins an ID, for the program's eyes: the next bytes are nobody's."""
    clock.set(COUNTER, secrets.randbits(63))
    clock.set(PAD, secrets.randbits(64))
    generation(g)
    content = struct.pack("<QQ", clock.get(COUNTER), clock.get(PAD))
    draws.begin(g, str(uuid.UUID(bytes_le=content)), DRAWS)


def first_draws(snapshot, tell_time):
    with snapshot.clone(paused=True) as c:
        clock = Clock(c)
        clock.begin()
        clock.add(COUNTER)
        if tell_time:
            clock.set(TIME_SEC, time.time_ns() // 10 ** 9)
            clock.set(TIME_FRAC, time.time_ns() % 10 ** 9 << 34)
        clock.end()
        # What is plugged in raises the interrupt that a VMClock's notification would.
        c.ask("device_add", driver="pci-testdev", id="plugged")
        c.resume()
        return draws.finish(c, DRAWS)


def check_siblings(kernel, t):
    """Time counts instructions, so that nothing differs of itself."""
    with boot_with_page(kernel, ["draw"], icount=True) as g:
        clock = Clock(g)
        clock.fill()
        g.run("insmod /vmgenc.ko")
        seed(g)
        g.sleep_until(UPTIME)
        begin(g, clock)
        snapshot = g.snapshot()
    found = [first_draws(snapshot, True) for _ in range(2)]
    t.equal([len(f) for f in found], [DRAWS] * 2, "every sibling drew")
    t.equal(in_common(found), [0], "siblings whose clocks differ have no draws in common")
    found = [first_draws(snapshot, False) for _ in range(2)]
    say(f"{kernel}: leading draws in common, VMClock, of {DRAWS}: 0; "
        f"{in_common(found)[0]} where neither the VMClock nor the CPU tells siblings apart")


def scenario(kernel, t):
    files = {HOOK: (LOG, 0o755), **drivers.files(kernels.load(kernel), MODULES)}
    with boot_with_page(kernel, ["info", "vmgend", "vmgenctl"], files, devices=hostport.DEVICES,
                        chardevs=hostport.CHARDEVS) as g, hostport.Port() as port:
        g.run(drivers.LOAD)
        clock = Clock(g)
        seed(g)
        check_refused(g, clock, t)
        check_found(g, clock, t)
        check_changes(g, clock, t)
        check_lost(g, clock, t)
        check_notified(g, clock, t)
        check_vmgend(g, clock, port, t)
        check_loaded_anew(g, clock, t)
    # It counts instructions, of which there are too many with sanitizers.
    if kernel != sanitizer.KERNEL:
        check_siblings(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
