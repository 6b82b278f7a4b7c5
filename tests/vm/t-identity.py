#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The guest knows the ID that the host shows, tells it to root alone, and keeps its interface."""

from harness import tap
from harness.scenario import NOBODY, boot, generation, new_guid


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["abi", "abi32", "library"], guid=guid) as g:
        t.equal(g.guid(), guid, "the host shows the ID that it was given")
        t.equal(g.run("sysctl -n dev.vmgenc.0.guid").strip(), g.guid(), "sysctl guid is the host's")
        status, output = g.execute(f"{NOBODY} /sbin/sysctl -n dev.vmgenc.0.guid")
        t.ok(status and "ermission denied" in output and guid not in output,
             "sysctl guid is not for nobody")
        t.equal(g.run("stat -c %a /proc/sys/dev/vmgenc/0/guid").strip(), "400", "its mode is 0400")
        t.equal(generation(g), 1, "sysctl generation is 1")
        t.equal(g.run(f"{NOBODY} sysctl -n dev.vmgenc.0.generation").strip(), "1",
                "sysctl generation is for everybody")
        t.equal(g.run(f"{NOBODY} sysctl -n dev.vmgenc.0.hid").strip(), "QEMUVGID",
                "sysctl hid is QEMU's")
        status, output = g.execute("sysctl -w dev.vmgenc.0.generation=7")
        t.ok(status and generation(g) == 1, "sysctl generation cannot be written")
        t.equal(g.run("stat -c %a:%u:%g /dev/vmgenid").strip(), "644:0:0", "the node is 0644 root")
        for program in ("abi", "abi32", "library", "library nobody"):
            t.results(g.tap(program))


if __name__ == "__main__":
    tap.main(scenario)
