#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs vmgend-samba-ad with a clock that is wrong.

Arguments: by how many seconds; "set" where another sets it, else "free"; by how many seconds the
hardware clock is wrong, or "none"; the program.
"""

import os
import runpy
import sys
import time

real, offset = time.time, float(sys.argv[1])
time.time = lambda: real() + offset
sys.path.insert(0, os.path.dirname(sys.argv[4]))

from samba_ad import clock  # noqa: E402 pylint: disable=wrong-import-position

known, hardware = sys.argv[2] == "set", sys.argv[3]
clock.synchronised = lambda: known
clock.hardware = lambda: None if hardware == "none" else int(real() + float(hardware))
sys.argv = sys.argv[4:]
runpy.run_path(sys.argv[0], run_name="__main__")
