#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs a program that uses Samba's Python bindings on what it takes for a read-only controller."""

import runpy
import sys

from samba.samdb import SamDB

SamDB.am_rodc = lambda _self: True
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
