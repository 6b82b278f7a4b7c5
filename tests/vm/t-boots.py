#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Ordinary boots on a host that gives a new ID to each, and a disk that goes back among them.

With boot-change = run each counts. With "counter" a mark in an EFI variable or a TPM, which the
disk does not take along, spares the ordinary ones. systemctl(1) is a stand-in here, so that a
boot takes seconds: t-shutdown.py asks the real one.
"""

import contextlib
import json
import shutil
import time

from harness import drivers, image, kernel as kernels, tap, tpm
from harness.machine import OVMF, scratch
from harness.scenario import ALL, boot, new_guid, say, seed

DRIVERS = (*drivers.EXT4, "virtio_net", "efivarfs")
UUID = "0a1b2c3d-0000-4000-8000-00000000000a"
MAC = "52:54:00:00:00:0a"
OTHER_MAC = "52:54:00:00:00:0b"
BOOTS = 20
GUARD = "#!/bin/sh\necho $1 >>/run/guard\n"
SYSTEMCTL = """#!/bin/sh
case $1 in
is-system-running) cat /run/manager; test "$(cat /run/manager)" = running;;
*) echo "$*" >>/run/started;;
esac
"""
EFIVARS = "mount -t efivarfs efivarfs /sys/firmware/efi/efivars"
# (event, shutdown before, mark outside, skipped)
ADOPTED = ("adopted", "", "", False)


class Host:
    """What a machine has beside its disk. policy: what vmgend.conf says."""
    policy, cheap = "run", False
    programs, files = (), {}
    # What is outside, of a boot that is counted, and of one that is not.
    same, none = "", ""

    @contextlib.contextmanager
    def machine_for_boot(self):
        yield {}

    def prepare(self, g):
        pass


class Counting(Host):
    policy, cheap, same, none = "counter", True, "same", "none"


class Efi(Counting):
    def __init__(self):
        self.variables = scratch() / "variables"
        shutil.copy(f"{OVMF}/OVMF_VARS_4M.fd", self.variables)

    @contextlib.contextmanager
    def machine_for_boot(self):
        yield {"type": "q35", "firmware": "ovmf", "variables": self.variables}

    def prepare(self, g):
        g.run(EFIVARS)


class Tpm(Counting):
    programs = (tpm.PROGRAM,)

    def __init__(self):
        self.state = tpm.new()
        self.files = tpm.files()

    @contextlib.contextmanager
    def machine_for_boot(self):
        with tpm.switched_on(self.state) as socket:
            yield {"tpm": socket}

    def prepare(self, g):
        g.run(tpm.LINK)


@contextlib.contextmanager
def switched_on(kernel, host, disk, mac=MAC):
    """A cold boot with a new ID, until vmgend has handled it."""
    files = {"/etc/vmgen/hooks.d/10-guard": (GUARD, 0o755), "/bin/systemctl": (SYSTEMCTL, 0o755),
             "/etc/vmgen/vmgend.conf": f"[vmgend]\nboot-change = {host.policy}\n",
             **host.files, **drivers.files(kernels.load(kernel), DRIVERS)}
    with host.machine_for_boot() as machine, \
            boot(kernel, ["vmgend", "vmgenctl", *host.programs], guid=new_guid(), disk=disk,
                 uuid=UUID, devices=(f"virtio-net-pci,mac={mac},romfile=",), files=files,
                 **machine) as g:
        seed(g)
        g.run(f"{drivers.LOAD}; mount -t ext4 /dev/vda /var/lib; mkdir -p /run/systemd/system; "
              "echo running >/run/manager")
        host.prepare(g)
        start(g)
        yield g


def start(g):
    g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
    g.wait_for("vmgenctl wait --settled")


def stop(g, manager="stopping"):
    g.run(f"echo {manager} >/run/manager")
    pid = json.loads(g.run("cat /run/vmgen/status.json"))["pid"]
    g.run(f"kill {pid}")
    g.join(pid)
    g.run("sync")


def last(g):
    run = json.loads(g.run("cat /run/vmgen/status.json"))["last"]
    return run["event"], run["shutdown"], run["counter"], run["skipped"]


def reaches_others(g):
    return "start vmgen-changed.target" in g.run("cat /run/started 2>/dev/null || true")


def check_boot(g, host, t, name, shutdown, counter):
    """What the boot is taken for; only one with the same mark on both sides is an ordinary one."""
    skipped = (shutdown, counter) == ("clean", "same")
    # A process of its own asks for the target, and nothing waits for that.
    if not skipped:
        g.wait_for("grep -q 'start vmgen-changed.target' /run/started 2>/dev/null")
    if not t.equal((last(g), g.run("cat /run/guard"), reaches_others(g)),
                   (("boot-changed", shutdown, counter, skipped), "boot-changed\n", not skipped),
                   f"{name}: {'spared' if skipped else 'it counts'}"):
        t.note(g.run("cat /run/vmgend.log"))
    if host.cheap:
        why = "an ordinary boot" if skipped else "this counts as a change"
        t.ok(why in g.run("cat /run/vmgend.log"), "the log tells why")


def check_status(g, t):
    status, output = g.execute("vmgenctl status")
    t.ok(not status and "the shutdown before: clean; the mark outside the disk: same\n" in output
         and "taken for an ordinary boot" in output, "and so does vmgenctl status")
    t.ok("the mark outside the disk: same" in g.run("vmgenctl history"), "and the history")


def check_boots(kernel, host, boots, t):
    """As many ordinary boots, at the end of which the power is cut; returns the disk of the first
    shutdown and that of the end."""
    with switched_on(kernel, host, image.empty()) as g:
        t.equal(last(g), ADOPTED, "the first start adopts the ID")
        stop(g)
        disk = early = g.disk
    for number in range(boots):
        with switched_on(kernel, host, disk) as g:
            check_boot(g, host, t, f"ordinary boot {number + 1}", "clean", host.same)
            if not number and host.cheap:
                check_status(g, t)
            if number < boots - 1:
                stop(g)
            g.run("sync")
            disk = g.disk
    return early, disk


def check_rollback(kernel, host, early, t):
    with switched_on(kernel, host, early) as g:
        check_boot(g, host, t, "then the disk of the first shutdown comes back", "clean",
                   "other" if host.cheap else "")
        stop(g)


def check_rest(kernel, host, early, crashed, t):
    """crashed: a disk of when the power was cut."""
    with switched_on(kernel, host, crashed) as g:
        # The shutdown of the disk before this has left a mark, and this is another disk.
        check_boot(g, host, t, "a disk of a system that ran", "unclean",
                   "other" if host.cheap else "")
        stop(g, "running")
        after_stop = g.disk
    with switched_on(kernel, host, after_stop) as g:
        check_boot(g, host, t, "vmgend was stopped, the system was not", "unclean", host.none)
        stop(g)
        disk = g.disk
    with switched_on(kernel, host, early) as g:
        check_boot(g, host, t, "a disk of an earlier shutdown, after another one", "clean",
                   "other" if host.cheap else "")
    with switched_on(kernel, host, disk) as g:
        check_boot(g, host, t, "the disk of the last shutdown, where another was booted", "clean",
                   "other" if host.cheap else "")
        stop(g)
        disk = g.disk
    with switched_on(kernel, host, disk, OTHER_MAC) as g:
        run = last(g)
        t.equal(run, ("boot-changed", "clean", host.same, False), "another network card: it counts")


def scenario(kernel, t):
    boots = BOOTS if ALL else 1
    for kind in (Efi, Tpm, Host) if ALL else (Efi,):
        began, host = time.monotonic(), kind()
        early, crashed = check_boots(kernel, host, boots, t)
        check_rollback(kernel, host, early, t)
        if ALL:
            check_rest(kernel, host, early, crashed, t)
        say(f"{kernel}: boot-change = {host.policy}, {kind.__name__}: {boots} ordinary boots and "
            f"a rollback in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    tap.main(scenario)
