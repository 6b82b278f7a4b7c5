#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Runs files of tests with prove: those first that take long, with how much is left to do, and with
what to do about each that failed before the summary, which is prove's and comes last.

How long each file took is kept in the cache, for the order and the time to go of the next run.
"""

import argparse
import contextlib
import fcntl
import json
import math
import os
import pathlib
import re
import selectors
import shlex
import subprocess
import sys
import time

import single

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/vm"))

from harness import cache   # pylint: disable=wrong-import-position

# Seconds of a file that nobody has run here yet, by the last part of its name or by the first.
USUAL = {"readme": 1200, "source": 900, "elsewhere": 500, "upgrade": 180, "install": 150,
         "debian": 130, "samba": 120, "stranger": 120, "lease": 110, "clock": 100, "services": 100,
         "foreign": 100, "fence": 90, "openssl": 70, "order": 70, "midway": 60, "shapes": 60,
         "t-tree": 60, "witness": 60, "daemon": 50, "firmware": 50, "hibernate": 50, "hostile": 50,
         "nvs": 50, "remedies": 50, "scripts": 10, "asan": 3, "tsan": 3}
UNKNOWN = 20
# Seconds between two lines that tell how far it is, when nothing has ended.
RARELY = 60


class Durations:
    """{name of a file: seconds}, of their last good runs."""

    def __init__(self):
        self.path = cache.directory() / "durations.json"
        self.known = {}
        # What another version of this has left there is worth nothing.
        with contextlib.suppress(OSError, ValueError):
            self.known = {str(k): float(v) for k, v in json.loads(self.path.read_text()).items()}

    def of(self, file):
        first, *_, last = name = single.name(file).split("/")
        return self.known.get("/".join(name), USUAL.get(last, USUAL.get(first, UNKNOWN)))

    def keep(self, found):
        with open(self.path.with_suffix(".lock"), "w", encoding="ascii") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            known = {**Durations().known, **found}
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(known, indent=0, sort_keys=True), "ascii")
            new.rename(self.path)


class Progress:
    def __init__(self, files, jobs, durations):
        self.jobs = jobs
        self.left = {file: durations.of(file) for file in files}
        self.count = len(files)
        self.running = {}
        self.took = {}          # {name of a file that was good: seconds}
        self.cpu = 0
        self.expected = self.actual = 0
        self.told = time.monotonic()

    def take(self, what):
        file = what["file"]
        if what["what"] == "begin":
            self.running[file] = time.monotonic()
            return
        self.running.pop(file, None)
        expected = self.left.pop(file, UNKNOWN)
        self.cpu += what["cpu"]
        # One that failed may have ended at once, which is no pace of the others.
        if not what["status"]:
            self.expected += expected
            self.actual += what["seconds"]
            self.took[single.name(file)] = round(what["seconds"], 1)

    def to_go(self):
        """Seconds, as fast as it has been so far."""
        pace = self.actual / self.expected if self.expected > 3 * UNKNOWN else 1
        now = time.monotonic()
        left = [max(seconds * pace - (now - self.running.get(file, now)), 1)
                for file, seconds in self.left.items()]
        return max(sum(left) / self.jobs, max(left, default=0))

    def tell(self, at_least):
        if time.monotonic() - self.told < at_least or not self.left:
            return
        self.told = time.monotonic()
        longest = min(self.running, key=self.running.get, default=None)
        text = longest and f", {single.name(longest)} for {self.told - self.running[longest]:.0f} s"
        print(f"# {self.count - len(self.left)} of {self.count} done, "
              f"{math.ceil(self.to_go() / 60)} min to go; {len(self.running)} running{text or ''}",
              flush=True)


class Output:
    """What prove prints: handed on line by line, but for the last ones, which come last."""

    def __init__(self, log):
        self.log = log
        self.summary = []       # "Files=..." and "Result: ..."
        self.failed = []

    def take(self, line):
        if self.summary or re.match(r"Files=\d+, Tests=\d+", line):
            self.summary.append(line)
            return
        if failed := re.match(r"(\S+)\s+\(Wstat: ", line):
            self.failed.append(failed.group(1))
        self.print(line)

    def print(self, line):
        self.log.write(line)
        sys.stdout.write(line)
        sys.stdout.flush()

    def good(self):
        return self.summary[-1:] == ["Result: PASS\n"]


def run(files, args, log, durations):
    """Returns (prove's exit status, its output, the progress)."""
    reports, ours = os.pipe()
    progress, output = Progress(files, args.jobs, durations), Output(log)
    one = shlex.join((sys.executable, str(TOP / "tests/runner/single.py")))
    prove = subprocess.Popen(["prove", "-j", str(args.jobs), "--timer", "--failures", "--comments",
                              "--exec", one, *files], stdout=subprocess.PIPE, text=True,
                             errors="replace", pass_fds=(ours,),
                             env=single.environment(**{single.REPORTS: str(ours)}))
    os.close(ours)
    buffered = {prove.stdout.fileno(): b"", reports: b""}
    with selectors.DefaultSelector() as selector:
        for descriptor in buffered:
            selector.register(descriptor, selectors.EVENT_READ)
        # A process that still writes reports when prove has ended is none of its files.
        while prove.stdout.fileno() in selector.get_map():
            for key, _ in selector.select(RARELY):
                data = os.read(key.fd, 1 << 16)
                *lines, buffered[key.fd] = (buffered[key.fd] + data).split(b"\n")
                for line in lines:
                    if key.fd == reports:
                        progress.take(json.loads(line))
                        progress.tell(args.often)
                    else:
                        output.take(line.decode(errors="replace") + "\n")
                if not data:
                    selector.unregister(key.fd)
            progress.tell(RARELY)
    return prove.wait(), output, progress


def explain(output, progress, again):
    """What to do about each file that failed."""
    failed = list(dict.fromkeys([*output.failed, *progress.left]))
    output.print(f"\n{len(failed)} of {progress.count} files failed. Each alone, once more, "
                 "and what it has said:\n")
    for file in failed:
        without = "" if file not in progress.left else " (it has not come to its end)"
        output.print(f"  {again} TESTS={file}\n      {single.log_of(file)}{without}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() + 1)
    parser.add_argument("--often", type=int, default=10, help="seconds between lines of progress")
    parser.add_argument("--log", required=True, type=pathlib.Path, help="for what is printed")
    parser.add_argument("--again", required=True, help="the command that runs TESTS= alone")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    durations = Durations()
    files = sorted(dict.fromkeys(args.files), key=lambda file: -durations.of(file))
    if not files:       # prove would look for some of its own
        sys.exit("suite.py: there are no tests: no kernel or scenario has the name that was given")
    for file in files:
        single.log_of(file).unlink(missing_ok=True)
    args.log.parent.mkdir(parents=True, exist_ok=True)
    with open(args.log, "w", encoding="utf-8") as log:
        status, output, progress = run(files, args, log, durations)
        good = not status and output.good() and not progress.left
        if not good:
            explain(output, progress, args.again)
        output.print(f"# {progress.cpu:.0f} s of a CPU\n")
        for line in output.summary:
            output.print(line)
    durations.keep(progress.took)
    sys.exit(0 if good else status or 1)


if __name__ == "__main__":
    main()
