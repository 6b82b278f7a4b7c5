# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Random numbers that a guest draws once its machine has become another one: the program draw."""

import itertools
import time

from harness.guest import GuestTimeout

TIMEOUT = 300
DONE = "all drawn"


def begin(guest, event, count, log=""):
    """Draw from now on; event is the GUID that will change, or "sleep"."""
    begin_program(guest, f"draw {event} {count} {TIMEOUT} {log}")


def begin_program(guest, command):
    """The same by another program that prints what draw does."""
    guest.spawn(f"{command} >/tmp/draws 2>&1; echo {DONE} >/dev/console")
    guest.wait_for("grep . /tmp/draws")
    guest.run("grep -qx ready /tmp/draws || { cat /tmp/draws; false; }")


def finish(guest, count):
    """The first draws after the event, also in a clone of the guest that began."""
    # By the console: a command in the guest would take numbers from between the draws.
    deadline = time.monotonic() + TIMEOUT
    while DONE not in guest.console_text():
        if time.monotonic() > deadline:
            raise guest.error("the draws do not end", GuestTimeout)
        time.sleep(0.05)
    return guest.run("cat /tmp/draws").split("\n")[2:count + 2]


def in_common(a, b):
    """Leading draws that two siblings share."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b)))
