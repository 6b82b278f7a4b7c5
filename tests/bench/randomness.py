# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The headline figure: random numbers that pairs of siblings have in common, with the stock kernel,
with vmgenc, and with vmgenc through the library, for each kernel and number of CPUs."""

import concurrent.futures
import itertools
import os
import sys
import threading

from harness import draws, kernel as kernels
from harness.figures import programs, spread
from harness.machine import scratch
from harness.scenario import boot, new_guid, seed
from harness.siblings import UPTIME, first_draws

CPUS = (1, 2, 4)
DRAWS = 4000
# 5 siblings are 10 pairs.
SIBLINGS = 5
SNAPSHOTS = 2
WAYS = {
    "stock": "getrandom, stock kernel",
    "getrandom": "getrandom, with vmgenc",
    "vmgen_getrandom": "vmgen_getrandom, with vmgenc",
}
# Guests that only grow old cost nothing and do so side by side.
busy = threading.Semaphore(os.cpu_count())


def grow_old(kernel, cpus, guid):
    """A snapshot of a guest that no longer reseeds every few seconds."""
    with busy:
        # Counting instructions skips idle time, but some kernels do not boot with it on more CPUs.
        guest = boot(kernel, ["draw", *programs("apart")], load=False, sanitized=False,
                     memory=256, guid=guid, cpus=cpus, icount=cpus == 1)
    with guest as g:
        seed(g)
        g.sleep_until(UPTIME)
        return g.snapshot()


def begin(g, way, guid):
    if way == "stock":
        draws.begin(g, guid, DRAWS)
        return
    g.run("insmod /vmgenc.ko")
    draws.begin_program(g, f"apart {way} {DRAWS}")


def in_common(old, way, guid):
    """Of each pair of the siblings of one snapshot."""
    with old.clone(guid=guid) as g:
        begin(g, way, guid)
        snapshot = g.snapshot()
    found = [set(drawn) for drawn in first_draws(snapshot, guid, DRAWS, SIBLINGS)]
    snapshot.path.unlink()
    if any(len(drawn) != DRAWS for drawn in found):
        raise RuntimeError(f"{way}: {[len(drawn) for drawn in found]} draws, not {DRAWS} each")
    return [len(a & b) for a, b in itertools.combinations(found, 2)]


def measure_machine(kernel, cpus):
    guid = new_guid()
    old = grow_old(kernel, cpus, guid)
    rows = []
    with busy:
        for way in WAYS:
            common = [n for _ in range(SNAPSHOTS) for n in in_common(old, way, guid)]
            rows.append({"kernel": kernel, "cpus": cpus, "way": way, "draws": DRAWS,
                         "common": common})
    old.path.unlink()
    print(f"  {kernel}, CPUs {cpus}: done", file=sys.stderr, flush=True)
    return rows


def measure(options):
    # What the threads share is made before there are any.
    kernels.fetch(options.kernels)
    scratch()
    cases = [(kernel, cpus) for kernel in options.kernels for cpus in CPUS]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        return [row for rows in pool.map(measure_machine, *zip(*cases)) for row in rows]


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("CPUs", 6, lambda row: f"{row['cpus']:4}"),
    ("", 30, lambda row: WAYS[row["way"]]),
    ("pairs", 7, lambda row: f"{len(row['common']):5}"),
    (f"in common, of {DRAWS}", 0, lambda row: spread(row["common"])),
)
