# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What is printed, and the exit status."""

import json

from acpi_check import requirements
from acpi_check.facts import Mark
from acpi_check.text import MESSAGE, printable

OBEYS, FAILS, UNKNOWN, NO_DEVICE = range(4)
# Of the members of --json; grows only.
SCHEMA = 1
WIDTH = 11


def described(machine):
    """Devices and nodes that a guest sees, or may see."""
    return [d for d in machine.devices if d.present is not False] + list(machine.nodes)


def status(machine, verdicts):
    """Exit status. What only a memory map can tell does not change it."""
    there = described(machine)
    if not there:
        return UNKNOWN if machine.unread else NO_DEVICE
    marks = {v.mark for d in there for v in verdicts[d.path]
             if not (v.mark is Mark.UNKNOWN and v.requirement in requirements.MAPPED)}
    if Mark.FAILS in marks:
        return FAILS
    return UNKNOWN if Mark.UNKNOWN in marks or machine.unread else OBEYS


def unjudged(machine, verdicts):
    """The points that nobody could tell without changing the status."""
    return sorted({v.requirement for d in described(machine) for v in verdicts[d.path]
                   if v.mark is Mark.UNKNOWN and v.requirement in requirements.MAPPED})


def conclusion(machine, verdicts):
    """The last line."""
    there = described(machine)
    if not there:
        return ("no generation ID device was found, but not all could be read" if machine.unread
                else "no generation ID device")
    one = len(there) == 1
    obeys = f"{'the device obeys' if one else 'all devices obey'} the specification"
    ended = status(machine, verdicts)
    if ended == FAILS:
        return f"{'the device does not obey' if one else 'not all devices obey'} the specification"
    if ended == UNKNOWN:
        return f"whether {obeys} cannot be told"
    points = unjudged(machine, verdicts)
    if not points:
        return obeys
    why = "without --iomem" if machine.memory is None else "with this memory map"
    return f"{obeys}, as far as can be told {why}: {', '.join(points)} not judged"


def text(machine, verdicts, judgements, version):
    lines = [f"vmgen-acpi-check {version}" +
             (f", {machine.interpreter}" if machine.interpreter else "")]
    lines += [f"not read: {printable(reason, MESSAGE)}" for reason in machine.unread]
    lines += [f"note: {printable(remark, MESSAGE)}" for remark in machine.remarks]
    for device in machine.devices + machine.nodes:
        lines += ["", heading(device)]
        lines += [line(verdict) for verdict in verdicts[device.path]]
        if judgements[device.path]:
            lines += ["  guests:"]
            lines += [f"    {j.mark.value:<{WIDTH}}  {j.guest}: {j.text}"
                      for j in judgements[device.path]]
    return "\n".join(lines + ["", conclusion(machine, verdicts)]) + "\n"


def heading(device):
    table = getattr(device, "table", "")
    return printable(device.path) + (f" ({table})" if table else "")


def line(verdict):
    return f"  {verdict.mark.value:<{WIDTH}}  {verdict.requirement:<8}  {verdict.text}"


def as_json(machine, verdicts, judgements, version):
    """The manual page has what each member means."""
    devices = []
    for device in machine.devices + machine.nodes:
        place = address(device)
        devices.append({
            "path": device.path,
            "description": "acpi" if device in machine.devices else "devicetree",
            "table": getattr(device, "table", "") or None,
            "present": getattr(device, "present", True),
            # JSON's numbers are no 64 bits wide everywhere.
            "address": None if place is None else f"{place:#x}",
            "requirements": [{"requirement": v.requirement, "mark": v.mark.value, "text": v.text,
                              "source": v.source} for v in verdicts[device.path]],
            "guests": [{"guest": j.guest, "mark": j.mark.value, "text": j.text,
                        "source": j.source} for j in judgements[device.path]],
        })
    found = {
        "version": SCHEMA,
        "program": version,
        "interpreter": machine.interpreter or None,
        "status": status(machine, verdicts),
        "conclusion": conclusion(machine, verdicts),
        "memory_map": machine.memory is not None,
        "not_judged": unjudged(machine, verdicts),
        "not_read": [printable(reason, MESSAGE) for reason in machine.unread],
        "remarks": [printable(remark, MESSAGE) for remark in machine.remarks],
        "devices": devices,
    }
    return json.dumps(found, indent=2) + "\n"


def address(device):
    if hasattr(device, "addr"):
        return requirements.address(device.addr)
    return device.reg[0][0] if len(device.reg) == 1 else None
