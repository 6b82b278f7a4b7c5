#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs a program that uses Samba's Python bindings, and kills it at one of its writes.

Arguments: the method of SamDB, or of a class of the program with its module, the number of the
call, "before" or "after" it, the program.
"""

import importlib
import os
import runpy
import signal
import sys

from samba.samdb import SamDB


def find(name, program):
    """(class, name of the method)"""
    if "." not in name:
        return SamDB, name
    sys.path.insert(0, os.path.dirname(program))
    module, owner, method = name.rsplit(".", 2)
    return getattr(importlib.import_module(module), owner), method


def patch(owner, method, number, when):
    real = getattr(owner, method)
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

    setattr(owner, method, call)


patch(*find(sys.argv[1], sys.argv[4]), int(sys.argv[2]), sys.argv[3])
sys.argv = sys.argv[4:]
runpy.run_path(sys.argv[0], run_name="__main__")
