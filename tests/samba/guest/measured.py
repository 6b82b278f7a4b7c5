#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs a program that uses Samba's Python bindings, and writes as JSON what that took: how many
objects it read in transactions and outside, for how long it held the database, how much memory.

Arguments: the file for that, the program.
"""

import atexit
import json
import resource
import runpy
import sys
import time

from samba.samdb import SamDB

# "in", "out": numbers of objects; "held": seconds of processor in transactions.
found = {"in": 0, "out": 0, "held": 0, "transactions": 0}
# When each of those that are open began: they nest.
began = []


def count(entries):
    found["in" if began else "out"] += entries


def patch(method, after):
    real = getattr(SamDB, method)

    def call(self, *args, **kwargs):
        return after(real(self, *args, **kwargs))

    setattr(SamDB, method, call)


def searched(result):
    count(len(result))
    return result


def iterated(iterator):
    for entry in iterator:
        count(1)
        yield entry


def started(result):
    began.append(time.process_time())
    return result


def ended(result):
    first = began.pop()
    if not began:
        found["held"] += time.process_time() - first
        found["transactions"] += 1
    return result


def report(path):
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open(path, "w", encoding="ascii") as f:
        json.dump({**found, "processor": used.ru_utime + used.ru_stime, "KiB": used.ru_maxrss}, f)


for name, then in (("search", searched), ("search_iterator", iterated),
                   ("transaction_start", started), ("transaction_commit", ended),
                   ("transaction_cancel", ended)):
    patch(name, then)
atexit.register(report, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
