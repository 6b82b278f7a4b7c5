# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What is told: lines for the journal, with the numbers of the events that Windows logs in the
same case, because those are what administrators of a domain know and search for."""

import sys

ROLES_HELD_BACK = 2092
CHANGE_DETECTED = 2170
GENERATION_WRITTEN = 2179
ACTIONS = 2204
RID_POOL_INVALIDATED = 2205
INVOCATION_ID_CHANGED = 1109


def say(text):
    print(text, file=sys.stderr, flush=True)


def event(number, text):
    say(f"event {number}: {text}")
