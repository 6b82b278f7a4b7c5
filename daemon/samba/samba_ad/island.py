# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""A controller that was removed from the domain in the lost time, and is back: an island. Its
partners refuse it, as they refuse one whose password is older than theirs; who is down says
nothing. It is an island for certain if a partner that both know has the deleted object."""

import os
import subprocess
import sys

from samba_ad import ends, inquiry
from samba_ad.log import say

REMEDY = "remove the data of Samba here and join it again"


def require_member(p, dc, refusing):
    """refusing: partners that answered, and of which nothing could be taken. Raises Refusal."""
    if p.state.island_accepted():
        return
    answers = {}
    for partner in refusing:
        if partner.host:
            answers.setdefault(ask(p, dc, partner), []).append(partner.name)
    if names := answers.get(inquiry.REMOVED):
        text = (f"{dc.name} was removed from the domain after this snapshot, {names[0]} says; "
                "users would get tickets and make changes here that no other domain controller "
                f"knows: {REMEDY}")
        p.notices.set("island", text)
        raise ends.Refusal(text, "if that was wrong, or the others are gone for good")
    names = sorted(answers.get(inquiry.NO_ACCOUNT, []))
    if not names:
        p.notices.clear("island")
        return
    p.notices.set("island", f"{', '.join(names)} says that it has no account of {dc.name}: if it "
                  f"was removed from the domain after this snapshot, {REMEDY}; if not, look there: "
                  f"samba-tool computer show {dc.name} (not tried)")


def ask(p, dc, partner):
    """One of inquiry's."""
    words = [sys.executable, "-IB", os.path.abspath(inquiry.__file__), p.options.configfile or "",
             partner.host, dc.guid, account(dc)]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=2 * inquiry.SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return inquiry.FAILED
    if done.returncode in (inquiry.REMOVED, inquiry.NO_ACCOUNT):
        say(f"{partner.name} does not know {dc.name} any more")
    return done.returncode


def account(dc):
    return str(dc.value(dc.computer_dn, "sAMAccountName"))
