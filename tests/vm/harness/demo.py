# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Two clones of one snapshot side by side, without vmgen and with it."""

import shlex
import struct
import time

from harness.debian import install_commands
from harness.scenario import boot, new_guid

KERNEL = "6.1-cloud"
DRAWS = 100
HOOK = "#!/bin/sh\ncut -d' ' -f1 /proc/uptime >/run/hook\n"
MISSING = "(not known)"

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


def main():
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
