# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What vmgend(8) knows of the change: is it a clone or a rollback? A hook is told by its
environment; a start of Samba is not, so there the last run on record for this ID counts."""

import itertools
import json
import os
import subprocess

from samba_ad.generation import hash_of
from samba_ad.log import say
from samba_ad.state import DAMAGED

CLONE = "clone"
RESTORE = "restore"
CHANGES = ("changed", "boot-changed")
# What vmgend says of a boot that is no rollback: see boot-change in vmgend.conf(5).
HARMLESS = {"event": "boot-changed", "skipped": True, "shutdown": "clean", "counter": "same"}
UNKNOWN = (OSError, subprocess.SubprocessError, *DAMAGED)


def ask(options, *arguments):
    """The output of vmgenctl. Raises OSError or SubprocessError where it is not to be had."""
    return subprocess.run([options.vmgenctl, f"--state-dir={options.state_directory}", *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, timeout=10, check=False).stdout


def runs(options):
    """The runs that vmgenctl knows, the latest first."""
    vmgend = json.loads(ask(options, "status", "--json") or "{}").get("vmgend") or {}
    lines = ask(options, "history", "--json").splitlines()
    found = [vmgend.get("run"), vmgend.get("last"), *map(json.loads, reversed(lines))]
    return [run for run in found if isinstance(run, dict)]


def records(options, what):
    """Likewise; None where they are not to be had, which is said."""
    try:
        return runs(options)
    except UNKNOWN as e:
        say(f"vmgenctl does not tell {what}: {e}")
        return None


def detected(run, corrected=True):
    """In microseconds since 1970. A clock that goes back with a machine is set only later, so what it
    showed at first may be older than what was written after that."""
    try:
        return int(corrected and run.get("detected_corrected_usec") or run["detected_usec"])
    except DAMAGED:
        return 0


def is_harmless(run):
    return all(run.get(name) == value for name, value in HARMLESS.items())


def changes(generation, options):
    """The records of changes to this ID, the latest first; or None, likewise."""
    found = records(options, "what this machine has been through")
    return found and [run for run in found if run.get("id_hash") == generation.hash and
                      run.get("event") in CHANGES]


def while_running(generation, options):
    """Whether a change to this ID is on record that was detected while the machine ran."""
    found = changes(generation, options)
    return found is None or any(run["event"] == "changed" for run in found)


def changed(generation, since, options):
    """Whether a change to this ID is on record that data of that age, in seconds since 1970, has
    been through."""
    return any(detected(run) >= since * 1_000_000 and not is_harmless(run)
               for run in changes(generation, options) or [])


def harmless(generation, recorded, options):
    """Whether the last thing on record is a boot with this ID that was no rollback, and the one
    before has the ID that the database has on record: nothing in between is passed over."""
    found = records(options, "how this machine was booted") or []
    now = list(itertools.takewhile(lambda run: run.get("id_hash") == generation.hash, found))
    before = found[len(now)].get("id_hash") if len(found) > len(now) else None
    return bool(now) and all(map(is_harmless, now)) and before == hash_of(recorded)


def on_record(generation, options):
    """(hint, intent); of no generation only what no run has used up yet counts."""
    try:
        for run in runs(options) if generation else ():
            if run.get("id_hash") == generation.hash:
                return str(run.get("hint", "")), str(run.get("intent", ""))
        # No run has used it up yet.
        intent = ask(options, "intent", "show").partition("\n")[0]
    except UNKNOWN as e:
        say(f"vmgenctl does not tell whether this is a clone or a rollback: {e}")
        return "", ""
    return "", intent if intent in (CLONE, RESTORE) else ""


def told(generation, options):
    """(hint, intent): by options, else by the environment of a hook, else by what is on record."""
    hint, intent = options.hint, options.intent
    if (hint is None or intent is None) and "VMGEN_EVENT" in os.environ:
        known = os.environ.get("VMGEN_HINT", ""), os.environ.get("VMGEN_INTENT", "")
    elif hint is None or intent is None:
        known = on_record(generation, options)
    else:
        known = "", ""
    return known[0] if hint is None else hint, known[1] if intent is None else intent
