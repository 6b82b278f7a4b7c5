# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Programs that read what nobody trusts: they run in a scratch directory of their own, without an
environment, with little time, memory and disk."""

import os
import pathlib
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time

# A child; all children of a directory together.
SECONDS = 5
TOGETHER = 60
MEMORY = 1 << 30
OUTPUT = 16 << 20


class Failure(Exception):
    """A program could not do what it was asked; the text says why."""


class Missing(Failure):
    """A program is not installed."""


def find(name):
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not installed: install the package acpica-tools")
    return os.path.abspath(path)


class Scratch:
    """The directory, which is gone afterwards."""

    def __init__(self):
        self.path = None
        self.end = time.monotonic() + TOGETHER

    def __enter__(self):
        try:
            self.path = pathlib.Path(tempfile.mkdtemp(prefix="vmgen-acpi-check."))
        except OSError as e:
            raise Failure(f"cannot make a scratch directory: {e.strerror}") from e
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, name, data):
        try:
            (self.path / name).write_bytes(data)
        except OSError as e:
            raise Failure(f"cannot write {self.path / name}: {e.strerror}") from e
        return self.path / name

    def run(self, arguments, text=""):
        """Gives it the text to read. Returns: what it printed; and what is wrong with how it
        ended, in words."""
        seconds = min(SECONDS, self.end - time.monotonic())
        name = os.path.basename(arguments[0])
        if seconds <= 0:
            raise Failure(f"the tables keep {name} busy for more than {TOGETHER} seconds")
        try:
            with tempfile.TemporaryFile(dir=self.path) as said, \
                    tempfile.TemporaryFile(dir=self.path) as asked:
                asked.write(text.encode("ascii"))
                asked.seek(0)
                child = subprocess.Popen(arguments, stdin=asked, stdout=said,
                                         stderr=subprocess.DEVNULL, env={}, cwd=self.path,
                                         start_new_session=True, preexec_fn=confine)
                wrong = end(name, child, seconds)
                said.seek(0)
                return said.read(OUTPUT).decode("ascii", "replace"), wrong
        except (OSError, subprocess.SubprocessError) as e:
            raise Failure(f"cannot run {name}: {e}") from e


def confine():
    """Runs in the child, between fork and exec."""
    for limit, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS),
                         (resource.RLIMIT_FSIZE, OUTPUT), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(limit, (value, value))


def end(name, child, seconds):
    """Returns: how it ended, in words; "": by itself. Its own exit status says nothing."""
    try:
        wait(child, seconds)
        status = child.poll()
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if status is None:
        return f"{name} did not end within {SECONDS} seconds"
    if status >= 0:
        return ""
    try:
        return f"{name} was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"{name} was ended by signal {-status}"


def wait(child, seconds):
    """As child.wait(), which sleeps in steps that are longer than acpiexec takes."""
    fd = os.pidfd_open(child.pid)
    try:
        select.select([fd], [], [], seconds)
    finally:
        os.close(fd)
