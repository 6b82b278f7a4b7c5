# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Two clones of one snapshot side by side, without vmgen and with it; or, with a number, so many
clones with it, each told by its host who it is, and telling that when it is repaired."""

import concurrent.futures
import contextlib
import shlex
import struct
import sys
import time

from harness import drivers, hostport, hostword, kernel as kernels
from harness.debian import install_commands
from harness.scenario import boot, new_guid, seed

KERNEL = "6.1-cloud"
DRAWS = 100
HOOK = "#!/bin/sh\ncut -d' ' -f1 /proc/uptime >/run/hook\n"
MISSING = "(not known)"
# What the host and the guest speak by.
MODULES = ("virtio_pci", "virtio_console", "qemu_fw_cfg")
CLONES_MAX = 16
# From here on all hooks run at once: clones spread theirs otherwise.
CONFIG = "[vmgend]\njitter = 0\n"

NEXT = """
On a real guest, as root, once its hypervisor gives it a generation ID (QEMU: -device vmgenid,
libvirt: <genid/>; Hyper-V, VMware and Proxmox do so by themselves):
"""


def progress(text):
    print(f"  {text}", flush=True)


def take_snapshot(protected):
    guid = new_guid()
    guest = boot(KERNEL, ["draw", "vmgend", "vmgenctl"], load=protected, sanitized=False,
                 memory=256, guid=guid, files={"/etc/vmgen/hooks.d/80-demo": (HOOK, 0o755)})
    with guest as g:
        if protected:
            g.spawn("exec vmgend >/tmp/vmgend 2>&1")
            g.wait_for("vmgenctl status")
        g.spawn(f"draw {guid} {DRAWS} 60 >/tmp/draws")
        g.wait_for("grep -q ready /tmp/draws")
        return g.snapshot()


def record(c):
    """generation and CLOCK_BOOTTIME of the change, as /dev/vmgenid gives them."""
    c.run("dd if=/dev/vmgenid bs=24 count=1 2>/dev/null >/tmp/record")
    return struct.unpack("=QqII", bytes.fromhex(c.run("hexdump -v -e '1/1 \"%02x\"' /tmp/record")))


def look_at(c, protected):
    """What one clone has to show: {row: text}."""
    c.wait_for(f"test $(wc -l </tmp/draws) -ge {DRAWS}")
    rows = {"ID, says the host": c.guid(), "ID, says the guest": MISSING, "generation": MISSING,
            "first random bytes": c.run("sed -n 3p /tmp/draws").strip(), "hook": "(none)"}
    if protected:
        c.wait_for("test -s /run/hook")
        generation, noticed, _, _ = record(c)
        ran = float(c.run("cat /run/hook"))
        rows |= {"ID, says the guest": c.run("sysctl -n dev.vmgenc.0.guid").strip(),
                 "generation": str(generation),
                 "hook": f"ran {max(0, ran - noticed / 1e9) * 1000:.0f} ms after the resume"}
    return rows, c.run("sed 1,2d /tmp/draws").split()


def show(title, clones):
    (left, left_draws), (right, right_draws) = clones
    print(f"\n{title}\n{'':20}{'clone A':38}clone B")
    for row, text in left.items():
        print(f"{row:20}{text:38}{right[row]}")
    common = sum(a == b for a, b in zip(left_draws, right_draws))
    print(f"{'':20}{common} of {DRAWS} random numbers are the same in both clones")
    return common


def take_snapshot_that_listens():
    files = {"/etc/vmgen/hooks.d/80-demo": (HOOK, 0o755), "/etc/vmgen/vmgend.conf": CONFIG}
    guest = boot(KERNEL, ["vmgend", "vmgenctl"], sanitized=False, memory=256, guid=new_guid(),
                 files=files | drivers.files(kernels.load(KERNEL), MODULES),
                 chardevs=hostport.CHARDEVS, devices=hostport.DEVICES, fw_cfg=hostword.PLACE)
    with guest as g:
        g.run(drivers.LOAD)
        # As one that has been up for some time.
        seed(g)
        g.spawn("exec vmgend >/tmp/vmgend 2>&1")
        g.wait_for("vmgenctl status")
        return g.snapshot()


def resume(name, clone, guid):
    """What the clone reports of the restore, and how many seconds after it."""
    with hostport.Port(name) as port:
        start = time.monotonic()
        clone.resume()
        while (report := port.report())["id_hash"] != hostport.id_hash(guid):
            pass
        return report, time.monotonic() - start


def show_reports(count):
    """Exit status: did each clone report, under its name?"""
    progress(f"boot Linux {KERNEL} with vmgen, take a snapshot, start {count} clones of it ...")
    snapshot = take_snapshot_that_listens()
    names = [f"web-{n}" for n in range(1, count + 1)]
    with contextlib.ExitStack() as stack:
        clones = [(name, *hostport.restore(stack, snapshot, name)) for name in names]
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            reports = list(pool.map(lambda clone: resume(*clone), clones))
    print("\nclone    told by its host that it is    reports       as    after the restore")
    good = True
    for number, (name, (report, seconds)) in enumerate(zip(names, reports), 1):
        print(f"{number:<9}{f'{name}, a clone':31}{report['outcome']:14}{report['name']:6}"
              f"{seconds:.1f} s")
        good &= (report["outcome"], report["name"]) == ("repaired", name)
    print("\nA program that waits for that is in vmgen-hypervisors(7).")
    return 0 if good else 1


def main():
    if len(sys.argv) > 1:
        if not sys.argv[1].isdecimal() or not 1 <= int(sys.argv[1]) <= CLONES_MAX:
            print(f"CLONES={sys.argv[1]}: it is a number from 1 to {CLONES_MAX}", file=sys.stderr)
            return 2
        return show_reports(int(sys.argv[1]))
    start = time.monotonic()
    pairs = {}
    for protected in (False, True):
        word = "with" if protected else "without"
        progress(f"boot Linux {KERNEL} {word} vmgen, take a snapshot, start two clones of it ...")
        snapshot = take_snapshot(protected)
        with snapshot.clone(guid=new_guid()) as a, snapshot.clone(guid=new_guid()) as b:
            pairs[protected] = [look_at(clone, protected) for clone in (a, b)]
    release = snapshot.machine.kernel.release
    show(f"Without vmgen, Linux {release}", pairs[False])
    common = show(f"With vmgen, Linux {release}", pairs[True])
    print(NEXT + "\n".join(f"  {shlex.join(command)}" for command in install_commands()))
    print("The README says more, and how to write a hook.")
    progress(f"({time.monotonic() - start:.0f} s)")
    return 1 if common else 0


if __name__ == "__main__":
    raise SystemExit(main())
