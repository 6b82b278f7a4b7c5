# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Which of firmware's events lead to a Notify of the device, and what evaluating ADDR does.

What the code says is read: that finds also what depends on registers. What notifies here too,
where there is no machine, is seen.
"""

import dataclasses
import re

from acpi_check import answer, asl, calls, effects, fadt, identifier, interrupts, namespace
from acpi_check.answer import is_path
from acpi_check.child import Failure
from acpi_check.facts import CHANGED, Event, Value

# Sources that are run, and how often each: with one interrupt after the other.
SOURCES = 32
RUNS = 64

# acpiexec's handler is another thread, which may be late; with this level it says who is notified
# before the method goes on. AML cannot print it, because where a node lies is another place in
# each process.
LEVEL = "level 4 console"
NOTIFIED = re.compile(r"Dispatching Notify on \[.{4}\] \(Device\) "
                      r"Value 0x([0-9A-Fa-f]{1,8}) \([^()\n]{1,80}\) Node 0x([0-9a-f]+)")

NEVER = {"BHYVE_V_GEN_COUNTER_V1":
         "bhyve never raises it (FreeBSD, usr.sbin/bhyve/vmgenc.c: that call is compiled out)"}

GPE = re.compile(r"_([ELW])([0-9A-F]{2})")
# Methods of devices, by the ID of the device. ACPI 6.5: 5.6.9 (GED; of it Linux calls _Exx and
# _Lxx too, drivers/acpi/evged.c), 5.6.4 (GPE block devices and embedded controllers).
METHODS = (
    ("GED", re.compile(r"_EVT|_[EL][0-9A-F]{2}"), "ACPI0013"),
    ("GPE", re.compile(r"_[EL][0-9A-F]{2}"), "ACPI0006"),
    ("EC", re.compile(r"_Q[0-9A-F]{2}"), "PNP0C09"),
)
# ACPI 6.5, 5.6.5: of devices whose _AEI says which pins there are.
GPIO = re.compile(r"_EVT|_[EL][0-9A-F]{2}")


@dataclasses.dataclass(frozen=True)
class Source:
    """A method that firmware's events call."""
    path: str
    kind: str
    never: str = ""
    # Of a GED: its interrupts, by the descriptors; None: they cannot be told.
    interrupts: tuple = None


def find(interpreter, devices):
    """Returns: the devices, with events and effects."""
    texts = interpreter.disassemble()
    program, long = asl.read(texts.values())
    graph = calls.Calls(program)
    events = read(interpreter, graph, {device.path for device in devices})
    unread = {name for at, name in enumerate(texts) if at in long}
    unread |= {table.name for table in interpreter.tables if table.is_code()} - set(texts)
    events += [Event(name, "unread", "", None) for name in sorted(unread)]
    return tuple(complete(graph, device, events) for device in devices)


def complete(graph, device, events):
    unread = [event for event in events if event.kind == "unread"]
    own = [named(device, event) for event in events if event.device == device.path]
    sources = {event.source for event in own if event.kind != "method"}
    beside = [event for event in events if event.device != device.path and event not in unread and
              event.source in sources]
    # What leads to nothing, or nobody knows where, may have been meant for the device.
    if not any(e.source in sources and not e.never and e.value == CHANGED for e in own):
        beside += [event if not event.device else
                   dataclasses.replace(event, note="none of these tables has that")
                   for event in events if event.device not in graph.program.objects and
                   event not in beside + unread]
    return dataclasses.replace(device, events=tuple(own + unread), elsewhere=tuple(beside),
                               effects=effects.of(graph, device.path + ".ADDR"))


def named(device, event):
    """What is known of a hypervisor by the device's _HID alone."""
    ids = {text.upper() for text in identifier.texts(device.hid)}
    if event.kind == "GPE" and not event.never and ids & set(NEVER):
        return dataclasses.replace(event, never=NEVER[min(ids & set(NEVER))])
    return event


def read(interpreter, graph, wanted):
    """Returns: a list of Event, of all that notifies."""
    found, reached, runs = [], set(), 0
    for source in sources_of(interpreter, graph.program):
        methods = graph.reached(source.path)
        reached.update(methods)
        targets = {target for method in methods for target in graph.notifies(method)}
        seen, exact = {}, False
        # The others are known well enough.
        if runs < SOURCES and any(not device or device in wanted for device, _ in targets):
            runs += 1
            seen, good = run(interpreter, source)
            exact = good and depends_on_nothing(graph, source)
        found += of_source(source, targets, seen, exact)
    for path in graph.program.methods:
        if path not in reached:
            found += [Event(path, "method", device, value)
                      for device, value in sorted(graph.notifies(path), key=str)]
    return found


def of_source(source, targets, seen, exact):
    """seen: {(device, value): the interrupts with which it was}; exact: nothing else can be."""
    # What was seen may be what could not be read: Notify (Local0, Arg0).
    for device, value in set(seen) - targets:
        targets = targets - {(device, None), ("", value), ("", None)} | {(device, value)}
    for device, value in sorted(targets, key=str):
        never = source.never
        if not never and exact and (device, value) not in seen and None not in (device, value):
            numbers = ", ".join(str(n) for group in source.interrupts or () for n in group)
            never = (f"none of its interrupts ({numbers}) leads there" if numbers else
                     "it was run to its end and did not")
        yield Event(source.path, source.kind, device, value, (device, value) in seen, never,
                    unheard(source, seen.get((device, value), ())))


def depends_on_nothing(graph, source):
    """Whether the interrupt alone decides what the source does, so that runs show all of it."""
    if takes_number(source) and not 0 < sum(map(len, source.interrupts or ())) <= RUNS:
        return False
    program, methods = graph.program, graph.reached(source.path)
    # Another table may have what it asks for.
    if any("CondRefOf" in program.methods[method].code for method in methods):
        return False
    return all(program.objects[used] in ("Method", "Device") and
               used not in ("\\_OSI", "\\_OS", "\\_REV")
               for method in methods for used, _ in graph.uses(method))


def takes_number(source):
    """The number of the interrupt, or of the pin."""
    return source.path.endswith("._EVT")


def unheard(source, numbers):
    """Linux asks for the first interrupt of each descriptor (evged.c, 4.17 to 7.2)."""
    others = {n for group in source.interrupts or () for n in group[1:]}
    firsts = {group[0] for group in source.interrupts or ()}
    if numbers and all(n in others - firsts for n in numbers):
        return ("Linux uses only the first interrupt of a descriptor, and this is not the first "
                "(drivers/acpi/evged.c)")
    return ""


def run(interpreter, source):
    """Returns: {(device, value): the interrupts with which it was seen}, and whether each run
    came to its end."""
    numbers = [n for group in source.interrupts or () for n in group]
    if takes_number(source):
        arguments = [f" {n:#x}" for n in numbers[:RUNS]]
    else:
        arguments, numbers = [""], [None]
    found, good = {}, is_path(source.path)
    if not good:
        return found, good
    for argument, number in zip(arguments, numbers):
        try:
            listing, _, text = interpreter.run(["namespace", LEVEL,
                                                f"evaluate {source.path}{argument}"])
        except Failure:
            # There is no time left; what the code says has been read.
            return found, False
        good = good and not answer.evaluation(source.path, text).error
        paths = {int(entry.node, 16): path for path, entry in answer.entries(listing).items()}
        for value, node in NOTIFIED.findall(text):
            path = paths.get(int(node, 16))
            if path is not None:
                found.setdefault((path, int(value, 16)), []).append(number)
    return found, good


def sources_of(interpreter, program):
    found = [gpe(interpreter, program, path) for path in program.methods
             if asl.parent(path) == "\\_GPE" and GPE.fullmatch(name(path))]
    others = [path for path in program.methods if asl.parent(path) != "\\_GPE" and
              any(pattern.fullmatch(name(path)) for _, pattern, _ in METHODS)]
    return found + [source for source in of_devices(interpreter, program, others) if source]


def name(path):
    return path.rpartition(".")[2]


def gpe(interpreter, program, path):
    letter, number = GPE.fullmatch(name(path)).groups()
    table, never = fadt.of(interpreter.tables), ""
    other = {"E": "L", "L": "E"}.get(letter)
    if other is None:
        never = "it is for waking the machine only"
    elif table is not None and int(number, 16) not in fadt.gpes(table):
        never = "ACPI is hardware-reduced by the FADT, and has no GPEs" if fadt.is_reduced(
            table) else f"the FADT's GPE blocks have no GPE 0x{number}"
    elif f"\\_GPE._{other}{number}" in program.methods:
        never = f"there is _{other}{number} too, and only one of them can be called"
    return Source(path, "GPE", never)


def of_devices(interpreter, program, paths):
    known = interpreter.namespace()
    devices = {asl.parent(path): None for path in paths}
    wanted = [f"{device}.{object_}" for device in devices for object_ in ("_HID", "_CID", "_CRS")]
    wanted += [f"{above}._STA" for device in devices
               for above in [device] + namespace.ancestors(device)]
    values = interpreter.evaluate_all([path for path in dict.fromkeys(wanted) if path in known])
    for path in paths:
        device = asl.parent(path)
        ids = [text for object_ in ("_HID", "_CID") if f"{device}.{object_}" in values
               for text in identifier.texts(values[f"{device}.{object_}"])]
        sta, *above = [values.get(f"{d}._STA", Value())
                       for d in [device] + namespace.ancestors(device)]
        never = "" if namespace.present(sta, above) is not False else f"{device} is not present"
        for kind, pattern, wanted_id in METHODS:
            if wanted_id in ids and pattern.fullmatch(name(path)):
                yield Source(path, kind, never) if kind != "GED" or never else \
                    ged(program, path, values.get(f"{device}._CRS"))
                break
        else:
            if f"{device}._AEI" in known and GPIO.fullmatch(name(path)):
                yield Source(path, "GPIO", never)


def ged(program, path, crs):
    if crs is None:
        return Source(path, "GED", "the device has no _CRS, so it has no interrupt")
    if crs.hardware or not isinstance(crs.result, bytes):
        return Source(path, "GED")
    try:
        found = tuple(interrupts.read(crs.result))
    except interrupts.Unreadable:
        return Source(path, "GED", "its _CRS cannot be read")
    except interrupts.Beside:
        return Source(path, "GED", "its _CRS has more than interrupts, and Linux does not use such "
                      "a device (drivers/acpi/evged.c)")
    if not found:
        return Source(path, "GED", "its _CRS has no interrupt")
    numbers, match = tuple(group for _, group in found), GPE.fullmatch(name(path))
    if match:
        letter, number = match.group(1), int(match.group(2), 16)
        kinds = {kind for kind, group in found if number in group}
        if not kinds:
            return Source(path, "GED", f"its _CRS has no interrupt 0x{number:02X}", numbers)
        if letter not in kinds:
            return Source(path, "GED", f"interrupt 0x{number:02X} of its _CRS is by "
                          f"{'level' if letter == 'E' else 'edge'}", numbers)
    elif all(f"{asl.parent(path)}._{kind}{group[0]:02X}" in program.methods
             for kind, group in found):
        return Source(path, "GED", "each of its interrupts has a method of its own, which Linux "
                      "calls instead (drivers/acpi/evged.c)", numbers)
    return Source(path, "GED", "", numbers)
