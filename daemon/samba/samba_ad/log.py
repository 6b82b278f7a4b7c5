# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What is told: lines for the journal, with the numbers of the events that Windows logs in the
same case, because those are what administrators of a domain know and search for."""

import sys

ROLES_HELD_BACK = 2092
NO_GENERATION = 2169
CHANGE_DETECTED = 2170
NO_CHANGE = 2171
GENERATION_READ = 2172
GENERATION_NOT_READ = 2173
GENERATION_WRITTEN = 2179
TRANSACTIONS_ABORTED = 2181
# The controller takes from its partners what it has lost: begun, done, failed.
REPLICATION_STARTED = 2200
REPLICATION_FINISHED = 2201
REPLICATION_FAILED = 2202
ACTIONS = 2204
RID_POOL_INVALIDATED = 2205
INVOCATION_ID_CHANGED = 1109
SYSVOL_OLD = 2208


def say(text):
    print(text, file=sys.stderr, flush=True)


def event(number, text):
    say(f"event {number}: {text}")
