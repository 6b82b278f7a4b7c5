# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the parts of make bench have in common: their programs, and how figures are compared."""

import statistics

from harness.machine import build_directory

# Nanoseconds of a guest whose time counts instructions: machine.py has shift=3.
NS_PER_INSTRUCTION = 8


def directory():
    return build_directory() / "tests/bench/guest"


def programs(name):
    """For a guest: a program of the benchmark, and the libraries that it looks for beside itself."""
    files = (directory() / name, *sorted(directory().glob("lib*.so*")))
    return [str(file.relative_to(build_directory())) for file in files]


def ratio(samples, others):
    """Sample by sample, so that what slowed both down is not in it."""
    return statistics.median(a / b for a, b in zip(samples, others, strict=True))


def spread(values):
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
