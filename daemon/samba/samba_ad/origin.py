# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What vmgend(8) knows of the change: is it a clone or a rollback? A hook is told by its
environment; whoever starts Samba is not, so there the last run on record for this ID counts."""

import json
import os
import subprocess

from samba_ad.log import say
from samba_ad.state import DAMAGED

CLONE = "clone"
RESTORE = "restore"
CHANGES = ("changed", "boot-changed")


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


def detected(run):
    """In microseconds since 1970. A clock that goes back with a machine is set only later, so what it
    showed at first may be older than what was written after that."""
    return int(run.get("detected_corrected_usec") or run.get("detected_usec") or 0)


def changed(generation, since, options):
    """Whether a change to this ID is on record that data of that age, in seconds since 1970, has
    been through."""
    try:
        return any(run.get("id_hash") == generation.hash and run.get("event") in CHANGES and
                   detected(run) >= since * 1_000_000 for run in runs(options))
    except (OSError, subprocess.SubprocessError, *DAMAGED) as e:
        say(f"vmgenctl does not tell what this machine has been through: {e}")
        return False


def while_running(generation, options):
    """Whether a change to this ID is on record that was noticed while the machine ran."""
    try:
        return any(run.get("id_hash") == generation.hash and run.get("event") == "changed"
                   for run in runs(options))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, AttributeError) as e:
        say(f"vmgenctl does not tell what this machine has been through: {e}")
        return True


def on_record(generation, options):
    """(hint, intent); of no generation only what no run has used up yet counts."""
    try:
        for run in runs(options) if generation else ():
            if run.get("id_hash") == generation.hash:
                return str(run.get("hint", "")), str(run.get("intent", ""))
        # No run has used it up yet.
        intent = ask(options, "intent", "show").strip()
    except (OSError, subprocess.SubprocessError, *DAMAGED) as e:
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
