# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What evaluating an object does beyond giving its value, as far as the code of it says."""

from acpi_check import asl
from acpi_check.facts import Effect

# More than that nobody reads.
EFFECTS = 50

# Calls of ASL itself.
DOES = {
    "Sleep": "waits", "Stall": "waits", "Wait": "waits for an event", "Signal": "signals an event",
    "Load": "loads a table", "LoadTable": "loads a table", "Unload": "unloads a table",
    "Fatal": "can stop the system", "Notify": "notifies",
}


def of(calls, path):
    """Returns: a tuple of Effect, without one where it is no method."""
    if path not in calls.program.methods:
        return ()
    found = {}
    for method in calls.reached(path):
        if method != path:
            found[Effect(f"calls {method}")] = None
        for effect in one(calls, calls.program.methods[method],
                          "" if method == path else f"calls {method}, which "):
            found[effect] = None
    return tuple(found)[:EFFECTS]


def one(calls, method, whose):
    """What this method does by itself."""
    if method.serialized:
        yield Effect(f"{whose}is Serialized: two evaluations wait for each other")
    for at, token in enumerate(method.code):
        if method.code[at + 1:at + 2] != ["("]:
            continue
        if token in DOES:
            yield Effect(DOES[token])
        elif token == "Acquire":
            args, _ = asl.arguments(method.code, at + 1)
            mutex = calls.program.resolve(method.path, asl.word(args, 0))
            yield Effect(f"takes the mutex {mutex or 'that is known only when it runs'}")
    yield from made(calls, method, whose)
    for used, changed in calls.uses(method.path):
        # What it has made itself is said already.
        if not used.startswith(method.path + ".") or used in calls.program.units:
            yield from use(calls, used, changed)


def made(calls, method, whose):
    """Objects that a method makes are below it, and go when it ends."""
    inside = [path for path in calls.program.inside(method.path)
              if calls.program.objects[path] != "Unit"]
    for path in inside:
        yield Effect(f"creates {path}")
    if inside and not method.serialized:
        yield Effect(f"{whose}is NotSerialized although it creates objects: two evaluations at "
                     "the same time would create them twice")


def use(calls, used, changed):
    program = calls.program
    kind = program.objects[used]
    if kind == "Unit":
        space = program.space(used)
        where = f"{used}, a field of {space}" if space else f"{used}, a field"
        yield Effect(f"writes to {where}" if changed else f"reads {where}", not changed)
        if program.units[used].locked:
            yield Effect("takes the global lock")
    elif changed and kind == "Name":
        yield Effect(f"changes {used}")
