#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The guest knows the ID that the host shows, tells it to those with CAP_SYS_ADMIN alone, and keeps
its interface."""

from harness import tap
from harness.scenario import DROPPED, NOBODY, boot, generation, new_guid

GUID_FILE = "/proc/sys/dev/vmgenc/0/guid"
UNSHARE = "/bin/unshare --user --map-root-user"
# {who: how to become that, and what rights.c prints: open for writing, INFO, page 1, sysctl}.
# The file of the sysctl has a mode as well, which means uid 0, with any capabilities.
RIGHTS = {
    "root": ("", "OK OK OK OK"),
    "uid 0 without capabilities": (DROPPED, "EPERM EPERM EACCES EPERM"),
    "uid 0 without CAP_SYS_ADMIN": (DROPPED.replace("all", "sys_admin"),
                                    "EPERM EPERM EACCES EPERM"),
    "uid 0 of a user namespace": (UNSHARE, "EPERM EPERM EACCES EPERM"),
    "a user who is uid 0 in a user namespace": (f"{NOBODY} {UNSHARE}",
                                                "EPERM EPERM EACCES EACCES"),
    "nobody": (NOBODY, "EPERM EPERM EACCES EACCES"),
    "nobody with CAP_SYS_ADMIN": (f"{NOBODY} --inh-caps=+sys_admin --ambient-caps=+sys_admin",
                                  "OK OK OK EACCES"),
}


def check_rights(g, t):
    for who, (become, expected) in RIGHTS.items():
        t.equal(g.run(f"{become} /bin/rights").strip(), expected, f"the ID is not a file's: {who}")
    # From root to one who may not open it again.
    t.equal(g.run(f"exec 3<>/dev/vmgenid; {DROPPED} /bin/rights 3").strip(), "EPERM OK OK EPERM",
            "a descriptor that is open for writing can be passed on")
    t.equal(g.run("exec 3</dev/vmgenid; /bin/rights 3").strip(), "OK EPERM EACCES OK",
            "one that is open for reading gives no ID, whoever opened it")
    for who in (DROPPED, NOBODY):
        status, output = g.execute(f"exec 3<{GUID_FILE}; {who} cat <&3")
        t.ok(status and "not permitted" in output, f"of the sysctl it does not help: {who}")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["abi", "abi32", "library", "rights", "/usr/bin/unshare"], guid=guid) as g:
        t.equal(g.guid(), guid, "the host shows the ID that it was given")
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), g.guid(), "sysctl guid is the host's")
        status, output = g.execute(f"{NOBODY} /sbin/sysctl -n dev.vmgenc.0.guid")
        t.ok(status and "ermission denied" in output and guid not in output,
             "sysctl guid is not for nobody")
        t.equal(g.run(f"stat -c %a {GUID_FILE}").strip(), "400", "its mode is 0400")
        t.equal(generation(g), 1, "sysctl generation is 1")
        t.equal(g.run(f"{NOBODY} sysctl -n dev.vmgenc.0.generation").strip(), "1",
                "sysctl generation is for everybody")
        t.equal(g.run(f"{NOBODY} sysctl -n dev.vmgenc.0.hid").strip(), "QEMUVGID",
                "sysctl hid is QEMU's")
        status, output = g.execute("sysctl -w dev.vmgenc.0.generation=7")
        t.ok(status and generation(g) == 1, "sysctl generation cannot be written")
        t.equal(g.run("stat -c %a:%u:%g /dev/vmgenid").strip(), "666:0:0", "the node is everybody's")
        parent = g.run("readlink /sys/class/misc/vmgenid/device").strip()
        t.ok(parent.endswith("/QEMUVGID:00"), f"sysfs has it below the device: {parent}")
        check_rights(g, t)
        for program in ("abi", "abi32", "library", "library nobody"):
            t.results(g.tap(program))


if __name__ == "__main__":
    tap.main(scenario)
