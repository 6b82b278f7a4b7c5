#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The program of vmgen-hypervisors(7) that waits for clones, as it stands there: four clones of one
snapshot are each told another name, and each says when it is repaired, under that name."""

import contextlib
import re
import subprocess
import sys

from harness import drivers, hostport, hostword, kernel as kernels, readme, tap
from harness.machine import scratch
from harness.scenario import boot, new_guid, say, seed

CLONES = 4
MODULES = ("virtio_pci", "virtio_console", "qemu_fw_cfg")
HOOKS = {"/etc/vmgen/hooks.d/80-name": ("#!/bin/sh\necho $VMGEN_NAME >/run/name\ntest ! -e /run/bad\n",
                                        0o755),
         "/etc/vmgen/vmgend.conf": "[vmgend]\njitter = 0\n"}


def orchestrator():
    """The program, in a file."""
    blocks = readme.blocks("kmod/vmgen-hypervisors.7.scd", "# WAITING FOR CLONES")
    text, = [block for block in blocks if block.startswith("#!")]
    path = scratch() / "wait"
    # scdoc's own backslash would be another text on the page.
    assert "\\" not in text
    path.write_text(text, encoding="utf-8")
    return path


def wait_for(clones):
    """Exit status and lines, sorted, of the program, for {place: (clone, guid)}."""
    arguments = [f"{hostport.path(place)}={guid}" for place, (_, guid) in clones.items()]
    with subprocess.Popen([sys.executable, orchestrator(), *arguments], text=True,
                          stdout=subprocess.PIPE) as program:
        for clone, _ in clones.values():
            clone.resume()
        output = program.communicate()[0]
    say(", ".join(line.split()[0] + " s" for line in output.splitlines()) + " until the report")
    return program.returncode, sorted(re.sub(r"^\d+\.\d s \S*/report", "", line)
                                      for line in output.splitlines())


def scenario(kernel, t):
    files = HOOKS | drivers.files(kernels.load(kernel), MODULES)
    with boot(kernel, ["vmgend", "vmgenctl"], guid=new_guid(), sanitized=False, memory=256,
              files=files, chardevs=hostport.CHARDEVS, devices=hostport.DEVICES,
              fw_cfg=hostword.PLACE) as g:
        g.run(drivers.LOAD)
        seed(g)
        g.spawn("exec vmgend >>/run/vmgend.log 2>&1")
        g.wait_for("vmgenctl wait --settled")
        snapshot = g.save("good")
        g.resume()
        g.run("touch /run/bad")
        bad = g.snapshot()
    names = [f"web-{n}" for n in range(1, CLONES + 1)]
    with contextlib.ExitStack() as stack:
        clones = {name: hostport.restore(stack, snapshot, name) for name in names}
        status, lines = wait_for(clones)
        t.equal((status, lines), (0, [f"{name} '{name}' 'repaired'" for name in names]),
                f"{CLONES} clones report, each under the name that it was told")
        t.equal([clone.run("cat /run/name").strip() for clone, _ in clones.values()], names,
                "which is that of their hooks")
    with contextlib.ExitStack() as stack:
        status, lines = wait_for({"web-1": hostport.restore(stack, bad, "web-1")})
        t.equal((status, lines), (1, ["web-1 'web-1' 'failed'"]),
                "for one that is not repaired the program fails")


if __name__ == "__main__":
    tap.main(scenario)
