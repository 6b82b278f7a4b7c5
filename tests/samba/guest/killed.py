#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Runs a program that uses Samba's Python bindings, and kills it at one of its writes.

Arguments: the method of SamDB, os.FUNCTION, or the method of a class of the program with its module;
the number of the call; "before" or "after" it; the program.
"""

import os
import signal
import sys

import moment

moment.run(sys.argv[1], int(sys.argv[2]), sys.argv[3],
           lambda: os.kill(os.getpid(), signal.SIGKILL), sys.argv[4:])
