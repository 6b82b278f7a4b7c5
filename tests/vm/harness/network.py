# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A network of this process's own: no port is taken there, and nobody answers but the test."""

import ctypes
import functools
import subprocess

CLONE_NEWNET = 0x40000000


@functools.cache
def isolate():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "a network namespace of its own needs root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
