#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How a whole Debian with systemd goes down, and what vmgend makes of that at the next boot: with
UEFI, whose variables stay when the disk goes back, and with a TPM."""

import contextlib
import json
import pathlib
import shutil

from harness import initramfs, tap, tpm
from harness.debian import Prebuilt
from harness.machine import OVMF, scratch
from harness.scenario import new_guid, say

END_LIMIT = 240
STATE = "/var/lib/vmgen/state.json"
VARIABLE = "VmgenShutdown-d456c82c-d0dc-4701-bdd6-404c2156283b"
PULLED = """[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo >>/run/pulled'
[Install]
WantedBy=vmgen-changed.target
"""


def install_tools(root):
    """Of this machine, which is the same Debian."""
    libraries = initramfs.shared_libraries(tpm.PROGRAM)
    for path in (tpm.PROGRAM, *libraries, *tpm.files()):
        target = root / pathlib.Path(path).resolve().relative_to("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        if not (link := root / "usr" / path.lstrip("/").removeprefix("usr/")).exists():
            link.symlink_to(target.name)
    for name in tpm.NAMES:
        (root / f"usr/bin/tpm2_{name}").symlink_to("tpm2")


def prepare(root):
    conf = root / "etc/vmgen/vmgend.conf"
    conf.parent.mkdir(exist_ok=True)
    conf.write_text("[vmgend]\nboot-change = counter\n", "ascii")
    (root / "etc/systemd/system/pulled.service").write_text(PULLED, "ascii")
    wants = root / "etc/systemd/system/vmgen-changed.target.wants"
    wants.mkdir()
    (wants / "pulled.service").symlink_to("../pulled.service")
    install_tools(root)


@contextlib.contextmanager
def booted(debian, disk, **machine):
    with debian.boot(new_guid(), disk, **machine) as g:
        g.wait_for("vmgenctl wait --settled --timeout 240", timeout=300)
        # It comes when vmgend is done, and the boot with it.
        g.wait_for("systemctl is-system-running | grep -qE 'running|degraded'", timeout=300)
        yield g


def go_down(g, command):
    """An orderly end; returns the disk that it leaves."""
    g.send(f"systemctl --no-block {command}")
    g.wait_for_end(END_LIMIT)
    return g.disk


def last(g):
    run = json.loads(g.run("vmgenctl history --json | tail -n 1"))
    return run["event"], run["shutdown"], run["counter"], run["skipped"]


def check(g, want, name, t):
    pulled = g.execute("test -e /run/pulled")[0] == 0
    if not t.equal((last(g), pulled), (want, want[0] == "boot-changed" and not want[3]), name):
        t.note(g.run("journalctl -q -b -u vmgend -o cat"))


def tell_time(g, what):
    """How long systemd has waited for vmgend, which has waited for a mark."""
    began, ready = map(int, g.run("systemctl show --value -p ExecMainStartTimestampMonotonic "
                                  "-p ActiveEnterTimestampMonotonic vmgend").split())
    say(f"{what}: vmgend was ready {(ready - began) / 1e6:.1f} s after its start")


def marked(g):
    return "shutdown" in json.loads(g.run(f"cat {STATE}"))


def errors(g):
    return g.run("journalctl -q -b -u vmgend -p err -o cat")


def check_service(g, t):
    """What ends vmgend while the system stays is no shutdown."""
    for name, command in (("a stop", "systemctl stop vmgend"),
                          ("a restart", "systemctl start vmgend; systemctl restart vmgend"),
                          ("a signal", "systemctl kill -s TERM vmgend")):
        g.run(command)
        t.ok(not marked(g), f"{name} of the service leaves no mark")
    g.wait_for("vmgenctl wait --settled --timeout 240", timeout=300)


def check_uefi(debian, t):
    variables = scratch() / "variables"
    shutil.copy(f"{OVMF}/OVMF_VARS_4M.fd", variables)
    machine = {"type": "q35", "firmware": "ovmf", "variables": variables}
    with booted(debian, None, **machine) as g:
        check(g, ("adopted", "", "", False), "the first boot adopts the ID", t)
        check_service(g, t)
        early = go_down(g, "reboot")
    with booted(debian, early, **machine) as g:
        check(g, ("boot-changed", "clean", "same", True), "systemctl reboot: an ordinary boot", t)
        t.ok(not marked(g), "which has used the mark")
        tell_time(g, "a mark in an EFI variable")
        disk = go_down(g, "poweroff")
    with booted(debian, disk, **machine) as g:
        check(g, ("boot-changed", "clean", "same", True), "systemctl poweroff: the same", t)
        g.run("sync")
        disk = g.disk
    with booted(debian, disk, **machine) as g:
        check(g, ("boot-changed", "unclean", "none", False), "a power cut: it counts", t)
        go_down(g, "poweroff")
    with booted(debian, early, **machine) as g:
        check(g, ("boot-changed", "clean", "other", False), "an old disk comes back: it counts", t)
        g.run("vmgenctl forget")
        disk = go_down(g, "poweroff")
    with booted(debian, disk, **machine) as g:
        check(g, ("adopted", "", "", False), "what was forgotten is not brought back by a mark", t)
        variable = f"/sys/firmware/efi/efivars/{VARIABLE}"
        t.equal(g.execute(f"test -e {variable} && chattr -i {variable} && rm {variable}"), (0, ""),
                "who wants to be rid of the variable does as vmgend(8) says")


def check_tpm(debian, t):
    state = tpm.new()
    with tpm.switched_on(state) as socket, booted(debian, None, tpm=socket) as g:
        disk = go_down(g, "poweroff")
    for name in ("where there is no EFI variable, a TPM tells", "and again"):
        with tpm.switched_on(state) as socket, booted(debian, disk, tpm=socket) as g:
            check(g, ("boot-changed", "clean", "same", True), name, t)
            tell_time(g, "a mark in a TPM")
            disk = go_down(g, "poweroff")
    with booted(debian, disk) as g:
        check(g, ("boot-changed", "clean", "none", False), "without its TPM it counts", t)
        t.ok("NV index" in errors(g), "the log names that")
        tell_time(g, "a TPM that is gone")
    with tpm.switched_on(state) as socket, booted(debian, disk, tpm=socket) as g:
        t.equal(g.execute("tpm2_nvundefine 0x19bcb73"), (0, ""),
                "who wants to be rid of the index does as vmgend(8) says")
        g.run("rm /usr/bin/tpm2_*")
        disk = go_down(g, "poweroff")
    with tpm.switched_on(state) as socket, booted(debian, disk, tpm=socket) as g:
        check(g, ("boot-changed", "clean", "none", False), "without tpm2-tools it counts", t)
        t.ok("tpm2-tools is not installed" in errors(g), "the log names them")


def scenario(kernel, t):
    debian = Prebuilt(kernel, prepare=prepare)
    check_uefi(debian, t)
    check_tpm(debian, t)
    say(f"{kernel}: {debian.release}: systemd was asked")


if __name__ == "__main__":
    tap.main(scenario)
