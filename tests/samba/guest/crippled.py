#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs a program that uses Samba's Python bindings with a version lift that does nothing."""

import runpy
import sys

from samba.samdb import SamDB

SamDB.set_attribute_replmetadata_version = lambda *_args, **_kwargs: None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
