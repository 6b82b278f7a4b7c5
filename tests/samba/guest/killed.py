#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs a program that uses Samba's Python bindings, and kills it at one of its writes.

Arguments: the method of SamDB, the number of the call, "before" or "after" it, the program.
"""

import os
import runpy
import signal
import sys

from samba.samdb import SamDB


def patch(method, number, when):
    real = getattr(SamDB, method)
    count = 0

    def call(*args, **kwargs):
        nonlocal count
        count += 1
        if count == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(SamDB, method, call)


patch(sys.argv[1], int(sys.argv[2]), sys.argv[3])
sys.argv = sys.argv[4:]
runpy.run_path(sys.argv[0], run_name="__main__")
