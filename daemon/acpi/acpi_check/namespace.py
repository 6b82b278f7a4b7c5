# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The devices that ACPI's tables have, and what their objects give."""

from acpi_check import identifier
from acpi_check.answer import is_path
from acpi_check.facts import Device, Form, Value

# ACPI 6.5, 6.3.7: the device is present; it functions.
PRESENT, FUNCTIONING = 1, 8


def find(interpreter):
    """Returns: the paths of those that some name calls a generation ID device."""
    kinds = interpreter.namespace()
    every = [path for path, kind in kinds.items() if kind == "Device" and is_path(path)]
    names = [f"{path}.{name}" for path in every for name in ("_HID", "_CID", "_DDN")]
    values = interpreter.evaluate_all([name for name in names if name in kinds])
    return [path for path in every
            if is_wanted(*(values.get(f"{path}.{name}", Value())
                           for name in ("_HID", "_CID", "_DDN")))]


def devices(interpreter, most):
    """Returns: a tuple of Device, of the first ones; and how many there are."""
    paths = find(interpreter)
    return tuple(read(interpreter, path) for path in paths[:most]), len(paths)


def is_wanted(hid, cid, ddn):
    found = [name.upper() for value in (hid, cid, ddn) for name in identifier.texts(value)]
    return any(name in identifier.GENERATION for name in found) or any(
        name.upper() in identifier.VENDORS for name in identifier.texts(hid))


def read(interpreter, path):
    kinds = interpreter.namespace()
    names = ("_HID", "_CID", "_DDN", "_UID", "_STA", "ADDR")
    above = [f"{name}._STA" for name in ancestors(path)]
    paths = [f"{path}.{name}" for name in names[:-1]] + above
    values = interpreter.evaluate_all([name for name in paths if name in kinds])
    # By itself: of all, it is the one that may hang.
    values.update(interpreter.evaluate_all([f"{path}.ADDR"]))
    hid, cid, ddn, uid, sta, addr = (values.get(f"{path}.{name}", Value()) for name in names)
    table = interpreter.table_of(path)
    moves = (addr.form is Form.METHOD and not addr.error and
             interpreter.changes(f"{path}.ADDR"))
    return Device(path=path, table=table.name if table else "", hid=hid, cid=cid, ddn=ddn,
                  uid=uid, sta=sta, addr=addr, moves=moves,
                  present=present(sta, [values.get(name, Value()) for name in above]))


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
