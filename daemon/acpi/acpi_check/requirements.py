# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Whether a device is as its specification wants it, point by point."""

from acpi_check import identifier, memory, namespace
from acpi_check.facts import CHANGED, Form, Mark, Verdict
from acpi_check.text import printable, quoted

SIZE = 16
NAME = "VM_Gen_Counter"
GIB4 = 1 << 32
# Intel's Software Developer's Manual, volume 3A, 4.1.4 (MAXPHYADDR); of ARM, FEAT_LPA has as many.
ADDRESS_BITS = 52

QEMU = "QEMU, docs/specs/vmgenid, Requirements (of Microsoft's document of 2012-08-01)"
# QEMU's document quotes R1 and R6, and of R2 to R5 it says only that they are about AML. UAPI.14
# says the same things; which of them has which number is not known, so this is its order.
AML = "UAPI.14 (VMGenID 1.0), Discovery via ACPI, {}; numbered in its order"
TREE = "UAPI.14 (VMGenID 1.0), Discovery via Device Tree"
STATUS = "ACPI 6.5, 6.3.7 (_STA)"
CHECKSUM = "ACPI 6.5, 5.2.6 (System Description Table Header)"
HARDWARE_ID = "ACPI 6.5, 6.1.5 (_HID)"
RANGES = "ACPI 6.5, 15 (System Address Map Interfaces)"

# What only the memory map can tell.
MAPPED = ("R1b", "R1c", "R1d", "R1e")


def holds(requirement, text, source):
    return Verdict(requirement, Mark.HOLDS, text, source)


def fails(requirement, text, source):
    return Verdict(requirement, Mark.FAILS, text, source)


def unknown(requirement, text, source):
    return Verdict(requirement, Mark.UNKNOWN, text, source)


def note(requirement, text, source):
    return Verdict(requirement, Mark.NOTE, text, source)


def judge(machine):
    """Returns: {path: [Verdict]}, for each device and each node."""
    found = {device.path: judge_device(machine, device) for device in machine.devices}
    for node in machine.nodes:
        found[node.path] = judge_node(machine, node)
    return found


def judge_device(machine, device):
    if device.present is False:
        return [note("_STA", absence(device), STATUS)]
    place = address(device.addr)
    verdicts = judge_memory(machine, place, device.addr)
    verdicts += [judge_cid(device.cid), judge_ddn(device.ddn), *judge_addr(device)]
    verdicts += judge_events(machine, device) + judge_hid(device.hid)
    verdicts += [judge_presence(device)] + judge_table(machine, device)
    return verdicts + judge_number(machine, device)


def address(value):
    """Returns: where the ID lies; None: that cannot be told, or nothing says so."""
    if value.hardware or not is_pair(value.result):
        return None
    low, high = value.result
    return low | high << 32


def is_pair(result):
    return (isinstance(result, tuple) and len(result) == 2 and
            all(isinstance(half, int) and half < GIB4 for half in result))


def judge_memory(machine, place, addr):
    """R1a to R1e."""
    if place is None:
        why = "the address is not known, see R4" if addr.hardware else "ADDR gives no address"
        return [unknown(f"R1{letter}", why, QEMU) for letter in "abcde"]
    if not place:
        return [fails("R1b", "the address is zero", QEMU)]
    verdicts = [fails("R1a", f"{place:#x} is not a multiple of 8", QEMU) if place % 8 else
                holds("R1a", f"{place:#x} is a multiple of 8", QEMU)] + note_place(place)
    if place + SIZE > 1 << 64:
        verdicts.append(fails("R1b", f"the ID at {place:#x} does not end within 64 bits", QEMU))
    elif place + SIZE > 1 << ADDRESS_BITS:
        verdicts.append(fails("R1b", f"no processor of x86 or ARM addresses {place:#x}, which is "
                              f"beyond {ADDRESS_BITS} bits", QEMU))
    elif machine.memory is None:
        verdicts += [unknown(name, "no memory map was given (--iomem)", QEMU) for name in MAPPED]
    else:
        verdicts += judge_range(machine.memory, place)
    return verdicts


def judge_range(ranges, place):
    over = memory.over(ranges, place, SIZE)
    top = [r for r in over if r.depth == 0]
    where = " and ".join(memory.text(r) for r in top)
    verdicts = []
    if memory.covers(ranges, place, SIZE):
        verdicts.append(holds("R1b", f"the ID lies in {where}", QEMU))
    else:
        verdicts.append(unknown("R1b", "the map does not name all of the ID's memory, which may "
                                "be ROM or a device's anyway", QEMU))
    ram, reclaim = memory.named(over, memory.RAM), memory.named(over, memory.RECLAIM)
    if ram:
        verdicts.append(fails("R1c", f"the ID lies in {memory.text(ram[0])}, which the operating "
                              "system uses", QEMU))
    else:
        verdicts.append(holds("R1c", "the ID lies outside of the operating system's memory", QEMU))
    for bad, kind in ((ram, "AddressRangeMemory"), (reclaim, "AddressRangeACPI")):
        if bad:
            verdicts.append(fails("R1d", f"the ID lies in {memory.text(bad[0])}, which is {kind}",
                                  QEMU))
            break
    else:
        verdicts.append(holds("R1d", "it is neither AddressRangeMemory nor AddressRangeACPI", QEMU))
    if memory.named(over, memory.NVS):
        verdicts.append(note("R1d", "the ID lies in AddressRangeNVS, which is allowed; an "
                             "operating system that hibernates writes it back when it wakes, so "
                             "the ID that it finds then is the old one", RANGES))
    return verdicts + [judge_neighbours(ranges, place)]


def judge_neighbours(ranges, place):
    """UAPI.14 has the reason: what is mapped uncached decides for the whole page."""
    uncached = memory.uncached(ranges, place, SIZE)
    if uncached:
        return fails("R1e", f"the page of the ID has {memory.text(uncached[0])} too, which is "
                     "mapped with caching disabled", QEMU)
    return holds("R1e", "nothing else in the page of the ID is a device's", QEMU)


def note_place(place):
    notes = []
    if place >= GIB4:
        notes.append(note("R1a", f"{place:#x} is above 4 GiB: a system that uses 32 bits of an "
                          "address, as one without PAE, cannot reach the ID", QEMU))
    if place // memory.PAGE != (place + SIZE - 1) // memory.PAGE:
        notes.append(note("R1a", "the ID crosses a page: a program cannot map it as one, and "
                          "both pages have to be free of others' memory", QEMU))
    return notes


def judge_cid(cid):
    source = AML.format(2)
    names = identifier.texts(cid)
    if NAME in names:
        return holds("R2", f'_CID has "{NAME}"', source)
    if cid.form is Form.ABSENT:
        return fails("R2", f'there is no _CID; it has to be "{NAME}"', source)
    if cid.hardware or (cid.error and not names):
        return unsure("R2", "_CID", cid, source)
    if any(name.upper() == NAME.upper() for name in names):
        return fails("R2", f'_CID has {shown(names)} instead of "{NAME}": systems that tell '
                     "capital letters from small ones do not know it", source)
    return fails("R2", f'_CID has {shown(names)} instead of "{NAME}"', source)


def shown(names):
    return ", ".join(quoted(name) if name else "what is no ID" for name in names) or "nothing"


def unsure(requirement, name, value, source):
    judged = unknown if value.hardware else fails
    return judged(requirement, f"{name}: {printable(value.error)}", source)


def judge_ddn(ddn):
    source = AML.format(2)
    if ddn.form is Form.ABSENT:
        return fails("R3", f'there is no _DDN; it has to be "{NAME}"', source)
    if ddn.hardware or ddn.error:
        return unsure("R3", "_DDN", ddn, source)
    if ddn.result == NAME:
        return holds("R3", f'_DDN is "{NAME}"', source)
    given = quoted(ddn.result) if isinstance(ddn.result, str) else "no text"
    return fails("R3", f'_DDN is {given} instead of "{NAME}"', source)


def judge_addr(device):
    """A list: the verdict, then what is to be said beside it."""
    source = AML.format(3)
    wrong = fault(device.addr)
    if device.addr.form is Form.ABSENT:
        verdict = fails("R4", "there is no ADDR, so nothing says where the ID lies", source)
    elif device.addr.hardware:
        verdict = unknown("R4", f"ADDR: {printable(device.addr.error)}", source)
    elif wrong:
        verdict = fails("R4", wrong, source)
    elif device.moves:
        verdict = fails("R4", "ADDR gives something else the second time", source)
    else:
        verdict = holds("R4", f"ADDR is a {device.addr.form.value} that gives a package of two "
                        "integers of 32 bits", source)
    return [verdict] + [note("R4", f"ADDR {printable(effect.text)}", source)
                        for effect in device.effects]


def fault(addr):
    """Returns: what is wrong with what ADDR gives, in words; "": nothing."""
    if addr.error:
        return f"ADDR: {printable(addr.error)}"
    if not isinstance(addr.result, tuple):
        return "ADDR gives no package"
    if len(addr.result) != 2:
        return f"ADDR gives a package of {len(addr.result)} elements instead of 2"
    for half, element in zip(("low", "high"), addr.result):
        if element is None:
            return f"ADDR leaves the {half} half empty"
        if not isinstance(element, int):
            return f"ADDR gives a {half} half that is no integer"
        if element >= GIB4:
            return f"ADDR gives a {half} half of more than 32 bits, {element:#x}"
    return ""


def judge_events(machine, device):
    source = AML.format(4)
    events = [e for e in device.events if e.kind not in ("method", "unread")]
    tells = any(event.value == CHANGED and not event.never for event in events)
    verdicts = [judge_event(device, event, tells, source) for event in events]
    if all(v.mark is Mark.NOTE for v in verdicts):
        verdicts.append(judge_silence(machine, device, source))
    return verdicts + [judge_elsewhere(event, source) for event in device.elsewhere]


def judge_event(device, event, tells, source):
    """tells: some event of the device notifies of a change."""
    named = printable(event.source)
    if event.never:
        return note("R5", f"{named} would notify, but {printable(event.never)}", source)
    if event.value is None:
        return unknown("R5", f"{named} notifies of what is known only when it runs", source)
    if event.value != CHANGED and tells:
        # Bus Check, say, of another event.
        return note("R5", f"{named} notifies of {event.value:#x}", source)
    if event.value != CHANGED:
        return fails("R5", f"{named} notifies of {event.value:#x} instead of {CHANGED:#x}", source)
    more = f"; {printable(event.note)}" if event.note else ""
    how = "was run and does" if event.seen else "has the code for"
    return holds("R5", f"{named} {how} Notify({device.path}, {CHANGED:#x}){more}", source)


def judge_elsewhere(event, source):
    to = printable(event.device) or "what is known only when it runs"
    more = "".join(f", but {printable(text)}" for text in (event.note, event.never) if text)
    too = "" if event.note else " too"
    return note("R5", f"{printable(event.source)} leads to {to}{too}{more}", source)


def judge_silence(machine, device, source):
    unread = [printable(e.source) for e in device.events if e.kind == "unread"]
    if unread:
        return unknown("R5", f"no event is seen to notify of a change; the code of "
                       f"{', '.join(unread)} cannot be read", source)
    loose = sorted({printable(e.source) for e in device.elsewhere if not e.device and not e.never})
    if loose:
        return unknown("R5", f"what {', '.join(loose)} notifies is known only when that runs, and "
                       "no other event notifies of a change", source)
    if not machine.complete:
        return unknown("R5", "no event of these tables notifies of a change; it may be one of a "
                       "table that is not here", source)
    methods = sorted({printable(e.source) for e in device.events if e.kind == "method"})
    if methods:
        return fails("R5", f"no event notifies of a change: only {', '.join(methods)} would, "
                     "which no event calls", source)
    return fails("R5", "no event notifies of a change", source)


def judge_hid(hid):
    names = identifier.texts(hid)
    if hid.form is Form.ABSENT:
        return [fails("R6", "there is no _HID; it has to name the hypervisor", QEMU)]
    if hid.hardware or hid.error:
        return [unsure("R6", "_HID", hid, QEMU)]
    if isinstance(hid.result, tuple) or not any(names):
        return [fails("R6", "_HID is no ID", QEMU)]
    name = names[0]
    if name.upper() in identifier.GENERATION:
        return [fails("R6", f"_HID is {quoted(name)}, which is every hypervisor's; it has to be "
                      "the vendor's own", QEMU)]
    verdicts = [holds("R6", f"_HID is {quoted(name)}", QEMU)]
    if not identifier.is_legal(name):
        verdicts.append(note("R6", f"{quoted(name)} has none of the forms that ACPI allows: three "
                             "capital letters or four letters and digits, then four hexadecimal "
                             "digits", HARDWARE_ID))
    return verdicts


def absence(device):
    given = (f"_STA gives {device.sta.result:#x}" if isinstance(device.sta.result, int) else
             "a device above it is not present")
    if isinstance(device.sta.result, int) and device.sta.result & namespace.PRESENT:
        given = "a device above it is neither present nor functioning"
    return f"the device is not present ({given}), so a guest does not see it"


def judge_presence(device):
    if device.sta.error and not device.sta.hardware:
        return fails("_STA", f"_STA: {printable(device.sta.error)}", STATUS)
    if device.sta.form is not Form.ABSENT and not isinstance(device.sta.result, int):
        return fails("_STA", "_STA gives no integer", STATUS)
    if device.present is None:
        return unknown("_STA", "whether the device is present is not known: _STA of it or of one "
                       "above it cannot be evaluated here", STATUS)
    if device.sta.form is Form.ABSENT:
        return holds("_STA", "there is no _STA, so the device is present", STATUS)
    missing = [name for bit, name in ((2, "enabled"), (namespace.FUNCTIONING, "functioning"))
               if not device.sta.result & bit]
    if missing:
        return fails("_STA", f"_STA gives {device.sta.result:#x}: present, but not "
                     f"{' and not '.join(missing)}", STATUS)
    return holds("_STA", f"_STA gives {device.sta.result:#x}: present, enabled, functioning",
                 STATUS)


def judge_table(machine, device):
    if device.table in machine.bad_checksums:
        return [fails("checksum", f"the sum of the bytes of {device.table} is not 0: systems may "
                      "refuse the table", CHECKSUM)]
    return []


def judge_number(machine, device):
    others = [d.path for d in machine.devices
              if d.path != device.path and d.present is not False]
    if not others:
        return []
    return [note("number", f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} there too: "
                 "the specification has one device, and guests choose differently", AML.format(2))]


def judge_node(machine, node):
    verdicts = [fails("binding", printable(text), TREE) for text in node.wrong]
    if len(node.reg) == 1 and node.reg[0][1] >= SIZE:
        verdicts.append(holds("binding", "reg is one range of 16 bytes or more", TREE))
        place = node.reg[0][0]
        verdicts = judge_memory(machine, place, None) + verdicts
    elif not node.wrong:
        verdicts.append(fails("binding", "reg has to be one range of 16 bytes or more", TREE))
    if len(node.interrupts) == 1:
        verdicts.append(holds("binding", "there is one interrupt", TREE))
    elif not node.wrong or node.interrupts:
        verdicts.append(fails("binding", f"there are {len(node.interrupts)} interrupts instead of "
                              "one", TREE))
    return verdicts + [note("binding", printable(text), TREE) for text in node.notes]
