# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What vmgend(8) knows of the change: is it a clone or a rollback? A hook is told by its
environment; whoever starts Samba is not, so there the last run on record for this ID counts."""

import json
import os
import subprocess

from samba_ad.log import say

CLONE = "clone"
RESTORE = "restore"


def ask(vmgenctl, state_directory, *arguments):
    """The output of vmgenctl; nothing where it is not to be had."""
    try:
        return subprocess.run([vmgenctl, f"--state-dir={state_directory}", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, timeout=10,
                              check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as e:
        say(f"vmgenctl cannot be asked whether this is a clone or a rollback: {e}")
        return ""


def runs(vmgenctl, state_directory):
    """The runs that vmgenctl knows, the latest first."""
    found = []
    try:
        status = json.loads(ask(vmgenctl, state_directory, "status", "--json") or "{}")
        vmgend = status.get("vmgend") or {}
        found += [vmgend.get("run"), vmgend.get("last")]
        lines = ask(vmgenctl, state_directory, "history", "--json").splitlines()
        found += [json.loads(line) for line in reversed(lines)]
    except (ValueError, AttributeError) as e:
        say(f"vmgenctl gave an answer that is not understood: {e}")
    return [run for run in found if isinstance(run, dict)]


def on_record(generation, vmgenctl, state_directory):
    """(hint, intent)"""
    for run in runs(vmgenctl, state_directory):
        if run.get("id_hash") == generation.hash:
            return str(run.get("hint", "")), str(run.get("intent", ""))
    # No run has used it up yet.
    intent = ask(vmgenctl, state_directory, "intent", "show").strip()
    return "", intent if intent in (CLONE, RESTORE) else ""


def told(generation, options):
    """(hint, intent): by options, else by the environment of a hook, else by what is on record."""
    hint, intent = options.hint, options.intent
    if (hint is None or intent is None) and "VMGEN_EVENT" in os.environ:
        known = os.environ.get("VMGEN_HINT", ""), os.environ.get("VMGEN_INTENT", "")
    elif hint is None or intent is None:
        known = on_record(generation, options.vmgenctl, options.state_directory)
    else:
        known = "", ""
    return known[0] if hint is None else hint, known[1] if intent is None else intent
