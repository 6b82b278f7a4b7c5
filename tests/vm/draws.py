# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Random numbers that a guest draws once its machine has become another one: the program draw."""

import itertools


def begin(guest, event, count, log=""):
    """Draw from now on; event is the GUID that will change, or "sleep"."""
    guest.spawn(f"draw {event} {count} 60 {log} >/tmp/draws 2>&1")
    guest.wait_for("grep . /tmp/draws")
    guest.run("grep -qx ready /tmp/draws || { cat /tmp/draws; false; }")


def finish(guest, count):
    """The first draws after the event, also in a clone of the guest that began."""
    guest.wait_for(f"test $(wc -l </tmp/draws) -ge {count + 2} || ! pidof draw >/dev/null")
    return guest.run("cat /tmp/draws").split("\n")[2:count + 2]


def in_common(a, b):
    """Leading draws that two siblings share."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b)))
