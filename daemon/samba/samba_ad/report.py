# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""--check: what there is to say of this domain controller, without a change to anything."""

import time

from samba_ad import clock, decision, ends, generation, gone
from samba_ad.state import POOL_SIZE, UNIT


def line(name, text):
    print(f"{name + ':':<22}{text}")


def age(dc):
    newest = dc.newest()
    if not newest:
        return "not known"
    return f"{(time.time() - newest) / 86400:.1f} days (tombstone lifetime: {dc.tombstone_days()})"


def report(program):
    """Returns an exit status: whether something is to be done."""
    current = generation.read(program.options.guid_file)
    dc = program.controller()
    # They need Samba's Python modules, which may be missing.
    from samba_ad import copies, trusts
    fence = program.fence.reason()
    if program.options.unit != UNIT:
        line("unit", program.options.unit)
    line("domain controller", f"{dc.name} of {dc.domain}, "
         f"{'read-only' if dc.is_rodc else 'writable'}{', RID master' if dc.is_rid_master else ''}")
    others = [dn.parent().get_component_value(0) for dn in dc.partners()]
    line("others", ", ".join(others) or "none")
    if others_trusted := trusts.names(dc):
        line("trusts", ", ".join(ascii(name)[1:-1] for name in others_trusted))
    line("invocationId", dc.invocation_id())
    line("RIDs not given out", "{} to {}".format(*dc.rid_pool()))
    line("newest entry", age(dc))
    for text in copies.report(dc):
        line("copies", text)
    line("clock", f"{clock.date(time.time())}, "
         f"{'set by another' if clock.synchronised() else 'not known to be right'}")
    line("repairs in a day", f"{len(program.state.repairs())}, up to "
         f"{decision.pools_a_day(program.state) * POOL_SIZE} RIDs of "
         f"{decision.MOST_POOLS_A_DAY * POOL_SIZE} that they may leave out")
    for _, text in program.notices.all():
        line("to do", text)
    line("fence", "none" if fence is None else fence)
    if fence is not None:
        return ends.FENCED
    return compare(program, dc, current)


def compare(program, dc, current):
    """Whether a repair is due, as an exit status."""
    from samba_ad import copies
    if dc.is_rodc:
        line("generation ID", decision.READ_ONLY)
        return ends.NOT_APPLICABLE
    said = program.rolled_back(dc)
    if not current and not said:
        missing = gone.told(program, dc, current)
        line("generation ID", missing or "this machine has none")
        return ends.DUE if missing else ends.NOT_APPLICABLE
    changed = current and (program.state.change_noted(dc.guid) or
                           program.unrecorded_change(dc, current))
    verdict = decision.verdict(program, dc, current, changed, said)
    line("generation ID", verdict.value)
    done = verdict == decision.Verdict.NOTHING and not copies.faults(dc)
    return ends.OK if done else ends.DUE
