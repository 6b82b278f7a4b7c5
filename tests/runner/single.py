#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Runs one file of tests, keeps what it says in a log of its own, and hands it on to prove.

prove is content with a test that was skipped, and with a file that has none. Here neither is: what
says so is handed on as a failure.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

# The file descriptor on which suite.py hears of each file's beginning and end.
REPORTS = "VMGEN_REPORTS"


def build():
    return pathlib.Path(os.environ.get("O", "build"))


def name(file):
    """What a file is called in logs: 6.1/clock, asan/t-keeper, scripts/t-style."""
    try:
        path = pathlib.Path(os.path.relpath(file, build()))
        if path.parts[0] in (os.pardir, "tests"):
            raise ValueError
    except ValueError:
        path = pathlib.Path("scripts", pathlib.Path(file).name)
    parts = [part for part in path.parts if part not in ("check", "tests", "unit")]
    return str(pathlib.Path(*parts).with_suffix(""))


def log_of(file, directory="log"):
    return build() / "check" / directory / f"{name(file)}.log"


def environment(**more):
    """For what is run: a make in there is no part of the one that has begun this."""
    flags = [flag for flag in os.environ.get("MAKEFLAGS", "").split(" ")
             if not flag.startswith(("-j", "--jobserver"))]
    return {**os.environ, "MAKEFLAGS": " ".join(flags), **more}


def judge(line):
    """A line of TAP for prove, without the ways to have tested nothing and not to have failed."""
    if plan := re.match(r"1\.\.0\b(.*)", line):
        return f"1..1\nnot ok 1 - no test has run{plan.group(1).replace('#', ':')}\n"
    if result := re.match(r"(?:not )?ok\b(.*?[^\\])#\s*((?:skip|todo).*)", line, re.IGNORECASE):
        return f"not ok{result.group(1)}: {result.group(2)}\n"
    return line


class Run:
    """A file's run: what it writes goes to a log, and may be handed on to whoever reads ours."""

    def __init__(self, file, log, hand_on=True, **keywords):
        self.hand_on = hand_on
        self.began = time.monotonic()
        self.text = []
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w", encoding="utf-8", errors="replace") as self.log:
            self.process = subprocess.Popen([os.path.abspath(file)], stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                            text=True, errors="replace", **keywords)
            errors = threading.Thread(target=self.copy, args=(self.process.stderr, sys.stderr),
                                      daemon=True)
            errors.start()
            self.copy(self.process.stdout, sys.stdout)
            _, status, usage = os.wait4(self.process.pid, 0)
            # Something that it left behind may hold this open, and nobody waits for that.
            errors.join(1)
            self.status = os.waitstatus_to_exitcode(status)
            self.seconds = time.monotonic() - self.began
            self.cpu = usage.ru_utime + usage.ru_stime
            self.write(f"# {self.ending()} after {self.seconds:.1f} s, {self.cpu:.1f} s of a CPU\n")

    def ending(self):
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"

    def write(self, line):
        self.log.write(line)
        self.log.flush()

    def copy(self, source, target):
        for line in source:
            if target is sys.stdout:
                line = judge(line)
                self.text.append(line)
            self.write(line)
            if self.hand_on:
                target.write(line)
                target.flush()


def report(**what):
    if descriptor := os.environ.get(REPORTS):
        os.write(int(descriptor), json.dumps(what).encode() + b"\n")


def main():
    file = sys.argv[1]
    report(file=file, what="begin")
    run = Run(file, log_of(file), env={k: v for k, v in os.environ.items() if k != REPORTS})
    if run.status < 0:
        print(f"# {run.ending()}", flush=True)
    report(file=file, what="end", seconds=run.seconds, cpu=run.cpu, status=run.status)
    sys.exit(run.status if run.status >= 0 else 128 - run.status)


if __name__ == "__main__":
    main()
