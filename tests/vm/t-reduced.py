#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Hardware-reduced ACPI, as Firecracker and cloud-hypervisor have it: there is no SCI, so the
Notify comes first, or a call, or the wake-up from suspend to idle."""

import contextlib
import pathlib
import time

from harness import tap
from harness.guest import GuestTimeout
from harness.host import Host
from harness.machine import compile_table, scratch
from harness.scenario import boot, info, test_module

TABLES = pathlib.Path(__file__).parent.parent / "tables"
# Where reduced.asl says; the kernel is told to leave it alone, as firmware would tell it.
ADDRESS = 0x0FFE0028
RESERVED = "memmap=64K$0x0FFE0000"
# QEMU hands no table to this type of machine, but Linux takes one from here.
TABLE = "/kernel/firmware/acpi/reduced.aml"
WAKE_TRIES = 100
# enum vmgenid_source
NOTIFY, CALL, RESUME = "2", "3", "5"


def boot_reduced(kernel):
    aml = compile_table(TABLES / "reduced.asl", scratch())
    # Counted instructions: without KVM the kernel cannot find out the time there otherwise.
    return boot(kernel, ["info"], load=False, type="microvm", shared=True, icount=True,
                cmdline=RESERVED,
                files={TABLE: aml.read_bytes(), **test_module(kernel, "notify")})


def notify(g):
    g.run("insmod /notify.ko && rmmod notify")


def check_notify(g, host, t):
    host.change()
    notify(g)
    g.wait_for("dmesg | grep -q 'generation 2 (detected by notify)'")
    facts = info(g)
    t.equal((facts["generation"], facts["source"]), ("2", NOTIFY), "the Notify is noticed first")
    t.equal((facts["record_flags"], facts["getrandom"]), ("0", "0"), "the generator is fresh")
    notify(g)
    g.wait_for("info | grep -qx 'spurious_notifies 1'")
    t.equal(info(g)["generation"], "2", "a Notify without a change is counted, not announced")


def check_call(g, host, t):
    host.change()
    facts = info(g)
    t.equal((facts["generation"], facts["source"]), ("3", CALL), "a call looks as well")


def sleep(g):
    """Suspend to idle and back. A byte on the command channel wakes the guest, unless it comes
    too early, and the host cannot see how far the guest is."""
    g.run("echo enabled >/sys/class/tty/ttyS1/power/wakeup")
    g.send("echo mem >/sys/power/state")
    for sent in range(1, WAKE_TRIES + 1):
        time.sleep(0.5)
        g.send("true")
        with contextlib.suppress(GuestTimeout):
            g.answer("suspend to idle", timeout=1)
            break
    for _ in range(sent):
        g.answer("true")


def check_wake(g, host, t):
    """Nobody looks between the change and the wake-up."""
    host.change()
    sleep(g)
    t.ok("PM: suspend exit" in g.run("dmesg"), "the guest slept")
    facts = info(g)
    t.equal((facts["generation"], facts["source"]), ("4", RESUME), "so does the wake-up")


def scenario(kernel, t):
    with boot_reduced(kernel) as g:
        host = Host(g, at=ADDRESS)
        guid = host.change()
        t.ok(g.execute("grep -q 'IO-APIC.* acpi$' /proc/interrupts")[0], "there is no SCI")
        g.run("insmod /vmgenc.ko")
        t.ok("VGE6: ADDR returns an integer of more than 32 bits" in g.run("dmesg"),
             "a low word over 32 bits is refused")
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), guid, "the ID is the host's")
        check_notify(g, host, t)
        check_call(g, host, t)
        check_wake(g, host, t)


if __name__ == "__main__":
    tap.main(scenario)
