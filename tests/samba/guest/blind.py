#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs vmgend-samba-ad as it was before it knew of the copy that BIND works on."""

import pathlib
import runpy
import sys

sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent))
from samba_ad import copies  # noqa: E402  pylint: disable=wrong-import-position

copies.of_bind = lambda _dc: []
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
