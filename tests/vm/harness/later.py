# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A snapshot that lay for hours: the clock of its host has gone on, and the RTC with it."""

import dataclasses
import functools
import os
import pathlib
import subprocess

from harness.machine import scratch


@functools.cache
def library():
    path = scratch() / "later.so"
    source = pathlib.Path(__file__).with_suffix(".c")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", path, source],
                   check=True)
    return path


def later(snapshot, seconds):
    """The snapshot, on a host whose clock has gone on for so long."""
    qemu = snapshot.machine.qemu
    qemu = dataclasses.replace(qemu, env=(*qemu.env, ("LD_PRELOAD", str(library())),
                                          ("VMGEN_LATER", str(seconds))))
    return dataclasses.replace(snapshot, machine=dataclasses.replace(snapshot.machine, qemu=qemu))
