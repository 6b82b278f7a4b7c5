# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What was read of a machine's description. Who reads fills it in, who judges only looks at it:
requirements.py and guests.py run no program and open no file."""

import dataclasses
import enum

# UAPI.14: Notify(device, 0x80) after a change.
CHANGED = 0x80


class Form(enum.Enum):
    """How firmware gives a value."""
    ABSENT = "absent"
    NAME = "name"
    METHOD = "method"


@dataclasses.dataclass(frozen=True)
class Other:
    """An object of ACPI that is no number, text, buffer or package: "Object Reference"."""
    kind: str


@dataclasses.dataclass(frozen=True)
class Value:
    """An object of a device, evaluated once.

    result: an int (of ACPI), a str, bytes (a buffer), a tuple (a package, with None for what is
    not initialised), an Other, or None: it gives nothing, or could not be evaluated; error says
    why then.
    """
    form: Form = Form.ABSENT
    result: object = None
    error: str = ""
    # It depends on memory, I/O or registers that only the machine has, or on a table that is not
    # here, or ACPICA could not evaluate it here: the result is made up, and error has the reason.
    hardware: bool = False


@dataclasses.dataclass(frozen=True)
class Effect:
    """What evaluating ADDR does beyond giving the address: "creates \\_SB.GENC.LPKG"."""
    text: str
    # Memory, I/O or a register: what the interpreter here read from it is made up.
    hardware: bool = False


@dataclasses.dataclass(frozen=True)
class Event:
    """What leads to a Notify: "\\_GPE._E05" or "\\_SB.GED._EVT"."""
    source: str
    # "GPE", "GED", "GPIO", "EC"; or "method": nothing that firmware's events call; or "unread":
    # the source is a table whose code could not be read, so it may lead anywhere.
    kind: str
    device: str             # the path that is notified; "": it is known only when that runs
    value: int              # None: it is known only when that runs
    # The interpreter ran it and saw the Notify; otherwise the code was read only.
    seen: bool = False
    # Why it never happens, in words.
    never: str = ""
    # What else there is to know of it, in words.
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Device:
    path: str
    table: str              # the file that it was read from; "": cannot be told
    hid: Value = Value()
    cid: Value = Value()
    ddn: Value = Value()
    uid: Value = Value()
    sta: Value = Value()
    # Of this device and of all above it; None: cannot be told.
    present: bool = None
    addr: Value = Value()
    effects: tuple = ()     # of Effect, of ADDR
    # ADDR gave something else the second time.
    moves: bool = False
    events: tuple = ()      # of Event, to this device
    # Of Event: what the sources of those notify beside it, and what leads to nothing that is
    # there, or to what cannot be told.
    elsewhere: tuple = ()


@dataclasses.dataclass(frozen=True)
class Node:
    """A device of a device tree."""
    path: str
    compatible: tuple
    reg: tuple              # of (address, size)
    interrupts: tuple       # of the cells of each, as numbers
    # Problems in words, of what is there but cannot be read.
    wrong: tuple = ()
    # What else there is to know, in words.
    notes: tuple = ()
    # Its status is okay.
    available: bool = True
    # It and what is above it are such that Linux makes a platform device of it.
    populated: bool = True
    # There is no reg at all; without, reg is empty where it cannot be read.
    no_reg: bool = False


@dataclasses.dataclass(frozen=True)
class Range:
    """A line of /proc/iomem; nested ones come after what they lie in."""
    start: int
    end: int                # inclusive
    name: str
    depth: int = 0


@dataclasses.dataclass(frozen=True)
class Machine:
    devices: tuple = ()     # of Device: named VM_Gen_Counter or so by _HID, _CID or _DDN
    nodes: tuple = ()       # of Node
    # None: no map was given.
    memory: tuple = None    # of Range
    # Of the DSDT: 1 makes AML's integers 32 bits wide.
    revision: int = 2
    reduced: bool = False   # hardware-reduced ACPI, by the FADT
    # What was given and could not be read or run, in words.
    unread: tuple = ()
    # What else there is to know of what was read, in words.
    remarks: tuple = ()
    # There is a DSDT, and all tables could be read: what is not here is not in the machine.
    complete: bool = True
    # The names of tables whose bytes do not sum up to 0.
    bad_checksums: tuple = ()
    # The interpreter's name and version, for the report.
    interpreter: str = ""


class Mark(enum.Enum):
    """In the order of the exit status."""
    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "cannot tell"
    # Said beside it; changes no verdict.
    NOTE = "note"


@dataclasses.dataclass(frozen=True)
class Verdict:
    requirement: str        # "R1a", "R6", "UAPI.14"
    mark: Mark
    text: str               # one sentence
    source: str             # of the requirement: document and section


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a guest makes of a device."""
    guest: str              # "Linux 6.10 to newest, in tree"
    mark: Mark              # HOLDS: it uses the device and hears of changes
    text: str
    source: str             # where that is known from
