#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's way with packages, typed into a booted Debian of the named release that has
nothing but systemd, a kernel and apt. t-source.py is the way with the source.
"""

from harness import plain, tap, ways


def scenario(suite, t):
    ways.try_way(plain.Plain(suite), "Packages", t)


if __name__ == "__main__":
    tap.main(scenario)
