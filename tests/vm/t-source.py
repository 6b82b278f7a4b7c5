#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The README's way with the source, typed into a booted Debian of the named release that has
nothing but systemd, a kernel and apt.
"""

from harness import plain, tap, ways


def scenario(suite, t):
    ways.try_way(plain.Plain(suite), "Source", t)


if __name__ == "__main__":
    tap.main(scenario)
