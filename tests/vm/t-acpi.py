#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What firmware really tells a guest of the device, copied out of it: vmgen-acpi-check finds there
what vmgen-hypervisors(7) says, the ID where it is, and of this guest what is true of it."""

import json
import pathlib
import re
import subprocess
import tempfile
import uuid

from harness import firmware, kernel as kernels, manual, qemu as qemus, tap
from harness.board import Board
from harness.guest import Guest
from harness.machine import build_directory, compile_table, scratch
from harness.scenario import ALL, WITHOUT_INTREE, new_guid, say

CHECK = pathlib.Path(__file__).parents[2] / "daemon/acpi/vmgen-acpi-check"
CHECK_TIMEOUT = 60      # seconds
OBEYS, NO_DEVICE = 0, 3
PAGE = "kmod/vmgen-hypervisors.7.scd"
MEMORY = {"reserved": "Reserved", "NVS": "ACPI Non-volatile Storage"}
NO_DEVICE_ROW = "no device"
# {row of the manual: machine}. One of each firmware.
MACHINES = {
    "QEMU pc, SeaBIOS": {"type": "pc", "firmware": "seabios"},
    "QEMU q35, OVMF": {"type": "q35", "firmware": "ovmf"},
}
FURTHER = {
    "QEMU pc, OVMF": {"type": "pc", "firmware": "ovmf"},
    "QEMU q35, SeaBIOS": {"type": "q35", "firmware": "seabios"},
    # It takes the device, and makes no table for it. Counted instructions: see t-reduced.py.
    "QEMU microvm": {"type": "microvm", "icount": True},
}
# QEMU's own description, without the test's.
BOARDS = {
    "QEMU virt, AAVMF": {"firmware": "aavmf", "table": None},
    "QEMU virt, device tree": {"nodes": ""},
    "a node of the test's": {},
}
# What daemon/base/host.c knows these machines by: a file of sysfs, and how it begins.
SIGNS = {
    "QEMU virt, AAVMF": ("class/dmi/id/product_name", "QEMU Virtual Machine"),
    "QEMU virt, device tree": ("firmware/devicetree/base/compatible", "linux,dummy-virt"),
}
# Tables of the test's, with the shape of another hypervisor's, and what firmware would have
# written at REGISTER, where these read the address of the ID.
TABLES = pathlib.Path(__file__).parent.parent / "tables"
REGISTER, RESERVED = 0x0FFE0100, "memmap=64K$0x0FFE0000"
VMWARE, HYPERV = 0x0FFE0211, 0x0FFE0208
VALUES = {"vmware": [f"\\GENL={VMWARE:#x}", "\\GENH=0"],
          **dict.fromkeys(("hyperv-2020", "hyperv-22621", "hyperv-2024"),
                          [f"\\GCAL={HYPERV:#x}", "\\GCAH=0"])}
# The manual names these too, and they have no hypervisor's shape.
OWN = {"arm", "vmclock"}
# What one table without a memory map leaves open.
OPEN = ["R1b", "R1c", "R1d", "R1e", "R5"]
# Since 6.10 it is a platform driver.
INTREE = "/sys/bus/acpi/drivers/vmgenid /sys/bus/platform/drivers/vmgenid"


def run_check(*arguments, values=()):
    """(exit status, what the checker found)"""
    settings = [word for value in values for word in ("--set", value)]
    r = subprocess.run([CHECK, "--json", *settings, *arguments], check=False, capture_output=True,
                       text=True, timeout=CHECK_TIMEOUT)
    return r.returncode, json.loads(r.stdout)


def examine(directory, values=()):
    """The same, of what was copied out of a guest."""
    tree = directory / "fdt.dtb"
    return run_check("--iomem", directory / "iomem",
                     tree if tree.exists() else directory / "tables", values=values)


def memory_at(g, address):
    """The ID's bytes in the guest's memory, as the host sees them."""
    path = g.directory / "bytes"
    g.ask("pmemsave", val=int(address, 16), size=16, filename=str(path))
    return path.read_bytes()


def text_of(device, requirement):
    return " ".join(r["text"] for r in device["requirements"] if r["requirement"] == requirement)


def marked(device, mark):
    return sorted({r["requirement"] for r in device["requirements"] if r["mark"] == mark})


def points(cell):
    return [] if cell == "nothing" else cell.split(", ")


def check_row(name, row, status, found, t):
    """The manual's row is what the checker finds."""
    if row[0] == NO_DEVICE_ROW:
        t.equal((status, found["devices"]), (NO_DEVICE, []), f"{name}: there is no device")
        return None
    hid, memory, event, fails = row
    t.equal((status, len(found["devices"])), (OBEYS, 1), f"{name}: its device obeys")
    device = found["devices"][0]
    t.ok(f'"{hid}"' in text_of(device, "R6"), f"{name}: its _HID is {hid}")
    t.ok(f"lies in {MEMORY[memory]} (" in text_of(device, "R1b"), f"{name}: the ID is in {memory}")
    t.ok("wakes" in text_of(device, "R1d") or memory != "NVS",
         f"{name}: what NVS memory means for hibernation is said")
    t.ok(event in text_of(device, "R5"), f"{name}: {event} notifies")
    t.equal((marked(device, "fails"), marked(device, "cannot tell")), (
        points(fails), []), f"{name}: {fails} fails")
    return device


def version(text):
    return tuple(int(n) for n in text.split(".")[:2])


def in_tree(device):
    """[(first release, last release, whether it binds)] of Linux's own drivers."""
    found = []
    for judged in device["guests"]:
        if m := re.fullmatch(r"Linux ([0-9.]+) to ([0-9.]+|newest), in tree", judged["guest"]):
            found.append((m[1], m[2], judged["text"].startswith("binds")))
    return found


def is_among(release, first, last):
    ours = version(re.match(r"\d+\.\d+", release)[0])
    return version(first) <= ours and (last == "newest" or ours <= version(last))


def binding(device):
    """As the manual has it: "5.18 to 6.9, 7.0 on"."""
    spans, before = [], False
    for first, last, binds in in_tree(device):
        if binds and before:
            spans[-1][1] = last
        elif binds:
            spans.append([first, last])
        before = binds
    return ", ".join(f"{first} on" if last == "newest" else f"{first} to {last}"
                     for first, last in spans)


def check_in_tree(g, name, device, t):
    """Linux's own driver has the device exactly when the checker says so."""
    if g.machine.kernel.name in WITHOUT_INTREE:
        return
    found = g.run(f"for d in {INTREE}; do if test -d $d; then ls $d; fi; done").split()
    judged = [binds for first, last, binds in in_tree(device)
              if is_among(g.machine.kernel.release, first, last)]
    t.equal([any(":" in entry or "." in entry for entry in found)], judged,
            f"{name}: Linux's own driver {'binds' if any(judged) else 'does not bind'}, as judged")


def check_module(g, name, device, t):
    judged = [j["mark"] for j in device["guests"] if j["guest"].endswith(" vmgenc")
              and j["guest"].startswith("Linux")]
    g.run("insmod /vmgenc.ko")
    t.equal((g.run("cat /proc/sys/dev/vmgenc/0/guid").strip(), judged), (g.guid(), ["holds"]),
            f"{name}: vmgenc uses the device, as judged")


def check_absent(name, directory, t):
    """QEMU describes the device in a table of its own."""
    for table in (directory / "tables").glob("SSDT*"):
        table.unlink()
    status, found = examine(directory)
    t.equal((status, found["devices"]), (NO_DEVICE, []), f"{name}, without its table: no device")


def check(kernel, name, machine, t):
    module = build_directory() / "modules" / kernel / "vmgenc.ko"
    with Guest(kernels.load(kernel), guid=new_guid(), modules=[module], **machine) as g:
        directory = firmware.save(g, tempfile.mkdtemp(dir=scratch()))
        status, found = examine(directory)
        device = check_row(name, manual.rows(PAGE, "machine")[name], status, found, t)
        if device:
            check_absent(name, directory, t)
            t.equal(memory_at(g, device["address"]), uuid.UUID(g.guid()).bytes_le,
                    f"{name}: the ID is where the checker says")
            check_in_tree(g, name, device, t)
            check_module(g, name, device, t)
        say(f"{kernel}: {name}, {g.machine.qemu.version().split(' (')[0]}: {found['conclusion']}")


def check_system_resource(kernel, t):
    """Linux's drivers differ in what they make of a device that calls itself that too."""
    name = "vmware"
    with Guest(kernels.load(kernel), tables=[TABLES / f"{name}.asl"], memory=512, cmdline=RESERVED,
               loader={REGISTER: VMWARE.to_bytes(8, "little")}) as g:
        _, found = examine(firmware.save(g, tempfile.mkdtemp(dir=scratch())), VALUES[name])
        device, = found["devices"]
        t.equal(device["present"], True, f"{name}: the device is there")
        check_in_tree(g, name, device, t)


def check_shape(name, row, t):
    hid, fails, linux = row
    aml = compile_table(TABLES / f"{name}.asl", scratch())
    _, found = run_check(aml, values=VALUES.get(name, ()))
    device, = found["devices"]
    t.ok(f'"{hid}"' in text_of(device, "R6"), f"{name}: its _HID is {hid}")
    t.equal((marked(device, "fails"), marked(device, "cannot tell")), (points(fails), OPEN),
            f"{name}: {fails} fails")
    t.equal(binding(device), linux, f"{name}: Linux's own driver binds, {linux}")


def check_shapes(t):
    rows = manual.rows(PAGE, "table")
    named = set(re.findall(r"tests/tables/([a-z0-9-]+)\.asl", (manual.SOURCE / PAGE).read_text()))
    t.equal(set(rows), named - OWN, "each shape that the manual names has its row")
    for name, row in rows.items():
        check_shape(name, row, t)


def check_board(kernel, name, machine, t):
    with Board(kernel, names=(), **machine) as g:
        status, found = examine(firmware.save(g, tempfile.mkdtemp(dir=scratch())))
        if name in (rows := manual.rows(PAGE, "machine")):
            check_row(name, rows[name], status, found, t)
            file, beginning = SIGNS[name]
            t.ok(g.run(f"cat /sys/{file}").startswith(beginning),
                 f"{name}: {file} tells vmgenctl who its host is")
            return
        t.equal(status, OBEYS, f"{name}: it obeys")
        check_in_tree(g, name, found["devices"][0], t)


def check_refused(qemu, t):
    """QEMU for ARM knows neither device."""
    version = qemu.version().split(" (")[0]
    for name in ("vmgenid", "vmclock"):
        r = subprocess.run([*qemu.command, "-machine", "virt", "-display", "none", "-device", name],
                           env=qemu.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, check=False, timeout=CHECK_TIMEOUT)
        t.ok(r.returncode and f"'{name}' is not a valid device model name" in r.stderr,
             f"{version} for ARM: -device {name} is refused") or t.note(r.stderr)


def check_boards(kernel, qemu, t):
    check_refused(qemu, t)
    for name, machine in BOARDS.items():
        check_board(kernel, name, {**machine, "qemu": qemu}, t)


def scenario(kernel, t):
    if kernels.row(kernel).arch == "arm64":
        for qemu in (qemus.ARM, *([qemus.newest(qemus.ARM)] if ALL else [])):
            check_boards(kernel, qemu, t)
        return
    check_shapes(t)
    for name, machine in {**MACHINES, **(FURTHER if ALL else {})}.items():
        check(kernel, name, machine, t)
        for qemu in (qemus.newer(), qemus.newest()) if ALL else ():
            check(kernel, name, {**machine, "qemu": qemu}, t)
    if ALL:
        check_system_resource(kernel, t)


if __name__ == "__main__":
    tap.main(scenario)
