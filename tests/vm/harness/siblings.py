# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Clones of one snapshot, and the random numbers that they draw from the first instruction on."""

import itertools

from harness import draws
from harness.scenario import new_guid

SIBLINGS = 3
# Younger kernels reseed often of their own accord, which would flatter them.
UPTIME = 130


def first_draws(snapshot, guid, count, siblings=SIBLINGS):
    """The first draws of each sibling after the snapshot of a guest that had begun to draw."""
    found = []
    # IDs that a host counts up share a half with the old one, and look torn.
    for new in [new_guid()] + [new_guid()[:18] + guid[18:] for _ in range(siblings - 1)]:
        with snapshot.clone(guid=new) as c:
            found.append(draws.finish(c, count))
    return found


def in_common(found):
    """Leading draws that siblings share, for each pair of them."""
    return [draws.in_common(*pair) for pair in itertools.combinations(found, 2)]
