#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The headline figure: leading random numbers that pairs of siblings have in common, with the stock
kernel and with vmgenc, for each kernel and number of CPUs. Prints a table and writes bench.json."""

import concurrent.futures
import dataclasses
import json
import os
import sys
import threading

import draws
import kernel as kernels
from guest import build_directory, scratch
from scenario import boot, new_guid, seed
from siblings import UPTIME, first_draws, in_common

CPUS = (1, 2, 4)
DRAWS = 4000
# Guests that only grow old cost nothing and do so side by side.
busy = threading.Semaphore(os.cpu_count())


@dataclasses.dataclass
class Result:
    kernel: str
    release: str
    cpus: int
    stock: list     # of each pair of siblings
    vmgen: list


def grow_old(kernel, cpus, guid):
    """A snapshot of a guest that no longer reseeds every few seconds."""
    with busy:
        # Counting instructions skips idle time, but some kernels do not boot with it on more CPUs.
        guest = boot(kernel, ["draw"], load=False, sanitized=False, memory=256, guid=guid,
                     cpus=cpus, icount=cpus == 1)
    with guest as g:
        seed(g)
        g.sleep_until(UPTIME)
        return g.snapshot()


def draw(old, guid, load):
    with old.clone(guid=guid) as g:
        if load:
            g.run("insmod /vmgenc.ko")
        draws.begin(g, guid, DRAWS)
        snapshot = g.snapshot()
    common = in_common(first_draws(snapshot, guid, DRAWS))
    snapshot.path.unlink()
    return common


def measure(kernel, cpus):
    guid = new_guid()
    old = grow_old(kernel, cpus, guid)
    with busy:
        result = Result(kernel, kernels.load(kernel).release, cpus,
                        draw(old, guid, load=False), draw(old, guid, load=True))
    old.path.unlink()
    print(f"  {kernel}, CPUs {cpus}: done", file=sys.stderr, flush=True)
    return result


def spread(values):
    low, high = (f"all {DRAWS}" if n == DRAWS else str(n) for n in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def show(results):
    print(f"Leading draws that pairs of siblings have in common, of {DRAWS}\n")
    print(f"{'kernel':12}{'CPUs':>4}   {'stock kernel':20}with vmgenc")
    for r in results:
        print(f"{r.kernel:12}{r.cpus:4}   {spread(r.stock):20}{spread(r.vmgen)}")


def main(names):
    # What the threads share is made before there are any.
    kernels.fetch(names)
    scratch()
    cases = [(kernel, cpus) for kernel in names for cpus in CPUS]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        results = list(pool.map(measure, *zip(*cases)))
    show(results)
    path = build_directory() / "bench.json"
    path.write_text(json.dumps({"draws": DRAWS, "results": [vars(r) for r in results]}, indent=2)
                    + "\n", "ascii")
    print(f"\n{path}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} KERNEL...")
    main(sys.argv[1:])
