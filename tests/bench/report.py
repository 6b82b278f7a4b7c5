#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Runs what make bench measures, all of it or the parts that are named: prints a table of each,
writes all figures to bench.json and draws them in bench.svg, and for dark pages in bench-dark.svg."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import check
import crowd
import fleet
import latency
import memory
import pages
import randomness
import stale
import tls
import waiters
import wireguard
from harness.machine import build_directory

# {part: (title, what measures it, columns)}; a column is a heading, its width and its text.
PARTS = {
    "host": ("What a check costs on this machine", check.measure_here, check.COLUMNS),
    "guest": ("What a check costs in an emulated guest, with the kernel's instructions",
              check.measure_in_guest, check.COLUMNS),
    "openssl": ("What the OpenSSL provider costs on this machine", tls.measure, tls.COLUMNS),
    "openssl-guest": ("What the OpenSSL provider costs in an emulated guest, which has the device",
                      tls.measure_in_guest, tls.GUEST_COLUMNS),
    "stale": ("Rounds of a loop that do not see a clone's new ID or generation",
              stale.measure, stale.COLUMNS),
    "waiters": ("Instructions from a change being noticed to the return of poll, 1 CPU",
                waiters.measure, waiters.COLUMNS),
    "crowd": ("Instructions from a change being noticed, with a crowd that waits too, 1 CPU",
              crowd.measure, crowd.COLUMNS),
    "latency": ("Instructions from the first of a clone, 1 CPU",
                latency.measure, latency.COLUMNS),
    "wireguard": ("Packets that a clone sends with its original's key of WireGuard, 1 CPU",
                  wireguard.measure, wireguard.COLUMNS),
    "memory": ("Memory of vmgend while nothing happens, in KiB", memory.measure, memory.COLUMNS),
    "pages": ("Pages of memory that a clone writes to in its first half minute, 1 CPU",
              pages.measure, pages.COLUMNS),
    "fleet": ("What the rules cost a Prometheus that watches so many machines",
              fleet.measure, fleet.COLUMNS),
    "randomness": ("Random numbers that pairs of siblings have in common",
                   randomness.measure, randomness.COLUMNS),
}
# Debian's matplotlib comes with Debian's Python, whichever else runs this. It keeps a list of
# fonts, which takes it long to make.
SYSTEM_PYTHON = "/usr/bin/python3"


def show(title, columns, rows):
    lines = ["".join(f"{heading:{width}}" for heading, width, _ in columns)]
    lines += ["".join(f"{text(row):{width}}" for _, width, text in columns) for row in rows]
    print("\n".join(("", title, "", *map(str.rstrip, lines))), flush=True)


def draw(figures, picture):
    program = pathlib.Path(__file__).parent / "harness/plot.py"
    subprocess.run([SYSTEM_PYTHON, program, figures, picture], check=True,
                   env={**os.environ, "MPLCONFIGDIR": str(build_directory() / "matplotlib")})


def arguments():
    parser = argparse.ArgumentParser(description="Parts: " + " ".join(PARTS))
    parser.add_argument("--kernels", nargs="+", default=["6.12"], help="on which guests are tried")
    parser.add_argument("--samples", type=int, default=500, help="of each way to check")
    parser.add_argument("--clones", type=int, default=3, help="of each way to ask")
    parser.add_argument("--out", type=pathlib.Path, default=build_directory() / "bench")
    parser.add_argument("parts", nargs="*", metavar="part", default=list(PARTS))
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {' '.join(sorted(unknown))}; there are {' '.join(PARTS)}")
    if options.samples < 2 or options.clones < 1:
        parser.error("--samples is at least 2, --clones at least 1")
    return options


def main():
    options = arguments()
    found = {}
    for part in options.parts:
        title, measure, columns = PARTS[part]
        print(f"measuring: {part}", file=sys.stderr, flush=True)
        found[part] = measure(options)
        show(title, columns, found[part])
    options.out.mkdir(parents=True, exist_ok=True)
    figures, picture = (options.out / f"bench.{kind}" for kind in ("json", "svg"))
    figures.write_text(json.dumps(found, indent=2) + "\n", "ascii")
    draw(figures, picture)
    print(f"\n{figures}\n{picture}")


if __name__ == "__main__":
    main()
