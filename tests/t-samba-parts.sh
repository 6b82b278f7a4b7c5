#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What vmgend-samba-ad does where no Samba is needed to tell: files, fences, refusals, units, and the
# order of a repair.

cd "$(dirname "$0")/.." || exit 1
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=daemon/samba:tests/vm exec python3 tests/samba/parts.py
