# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The devices that ACPI's tables have, and what their objects give."""

from acpi_check import identifier
from acpi_check.answer import is_path
from acpi_check.facts import Device, Form, Value

# ACPI 6.5, 6.3.7: the device is present; it functions.
PRESENT, FUNCTIONING = 1, 8

IDS = ("_HID", "_CID", "_DDN")
KNOWN = identifier.GENERATION + identifier.VENDORS


def find(interpreter):
    """Returns: the paths of those that some name calls a generation ID device; and of those of
    which that cannot be told."""
    entries = interpreter.listing().entries
    every = [path for path, entry in entries.items() if entry.kind == "Device" and is_path(path)]
    names = [f"{path}.{name}" for path in every for name in IDS]
    values = interpreter.evaluate_all([name for name in names if name in entries and
                                       entries[name].may_be(KNOWN)])
    found, unknown = [], []
    for path in every:
        ids = [values.get(f"{path}.{name}", Value()) for name in IDS]
        if is_wanted(*ids):
            found.append(path)
        elif any(value.hardware and value.result is None for value in ids):
            unknown.append(path)
    return found, unknown


def is_wanted(hid, cid, ddn):
    found = [name.upper() for value in (hid, cid, ddn) for name in identifier.texts(value)]
    return any(name in identifier.GENERATION for name in found) or any(
        name.upper() in identifier.VENDORS for name in identifier.texts(hid))


def devices(interpreter, paths):
    """Returns: a tuple of Device."""
    kinds = interpreter.namespace()
    names = [f"{path}.{name}" for path in paths for name in (*IDS, "_UID", "_STA")]
    names += [f"{above}._STA" for path in paths for above in ancestors(path)]
    values = interpreter.evaluate_all([n for n in dict.fromkeys(names) if n in kinds])
    # By themselves: of all, they are the ones that may hang or change something.
    values.update(interpreter.evaluate_all([f"{path}.ADDR" for path in paths]))
    changing = interpreter.changing([f"{path}.ADDR" for path in paths
                                     if values[f"{path}.ADDR"].form is Form.METHOD])
    return tuple(describe(interpreter, path, values, f"{path}.ADDR" in changing)
                 for path in paths)


def describe(interpreter, path, values, moves):
    hid, cid, ddn, uid, sta, addr = (values.get(f"{path}.{name}", Value())
                                     for name in (*IDS, "_UID", "_STA", "ADDR"))
    table = interpreter.table_of(path)
    above = [values.get(f"{name}._STA", Value()) for name in ancestors(path)]
    return Device(path=path, table=table.name if table else "", hid=hid, cid=cid, ddn=ddn,
                  uid=uid, sta=sta, addr=addr, moves=moves, present=present(sta, above))


def ancestors(path):
    """Of "\\_SB.PCI0.VGEN": "\\_SB.PCI0" and "\\_SB", the nearest first."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]


def present(sta, above):
    """ACPI 6.5, 6.3.7: without _STA it is all there; below a device that is neither present nor
    functioning there is nothing. Returns None where it cannot be told."""
    unknown, wanted = False, PRESENT
    for value in [sta] + above:
        if value.form is not Form.ABSENT:
            if value.hardware or not isinstance(value.result, int):
                unknown = True
            elif not value.result & wanted:
                return False
        wanted = PRESENT | FUNCTIONING
    return None if unknown else True
