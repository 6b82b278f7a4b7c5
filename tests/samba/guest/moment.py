# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Does something at one moment of a program that uses Samba's Python bindings: at a call of a
method of SamDB, of a function like os.rename, or of a method of a class of the program with its
module."""

import importlib
import os
import runpy
import sys

from samba.samdb import SamDB


def find(name, program):
    """(class or module, name of the method or function)"""
    owner, _, method = name.rpartition(".")
    if not owner:
        return SamDB, method
    sys.path.insert(0, os.path.dirname(program))
    module, _, owner = owner.rpartition(".")
    if not module:
        return importlib.import_module(owner), method
    return getattr(importlib.import_module(module), owner), method


def run(name, number, when, action, program):
    """when: "before" or "after" the call of that number. program: with its arguments."""
    owner, method = find(name, program[0])
    real = getattr(owner, method)
    count = 0

    def call(*args, **kwargs):
        nonlocal count
        count += 1
        if count == number and when == "before":
            action()
        result = real(*args, **kwargs)
        if count == number and when == "after":
            action()
        return result

    setattr(owner, method, call)
    sys.argv = program
    runpy.run_path(program[0], run_name="__main__")
