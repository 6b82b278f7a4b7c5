# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Which lines of the module were executed, in all guests of a kernel that counts them (gcov).

Each such guest leaves its counters in the build directory before it ends; as a program, this tells
what they come to:

    PYTHONPATH=tests/vm python3 -m harness.coverage debug
"""

import base64
import collections
import itertools
import json
import os
import pathlib
import subprocess
import sys

from harness.machine import build_directory

COUNTERS = "/sys/kernel/debug/gcov"
READ = (f"cd {COUNTERS} && find . -name '*.gcda' | while read -r f; do"
        " echo $f; base64 -w 0 $f; echo; done")
# The compiler that debug.py builds with.
GCOV = "gcov-12"
GOAL_PERCENT = 95
# Lines that no guest executes, as "FILE: TEXT", with the reason before them.
EXPLAINED = pathlib.Path(__file__).with_name("unexecuted")
number = itertools.count()


def built(kernel):
    """Where its module was built, and what belongs to the counters lies."""
    return (build_directory() / "modules" / kernel).resolve()


def kept(kernel):
    return build_directory() / "coverage" / kernel


def keep(process):
    """Keep a guest's counters. Its module is the build's, or none: then nothing is kept."""
    kernel = process.machine.kernel
    if "CONFIG_GCOV_KERNEL=y" not in kernel.config.read_text("ascii"):
        return
    lines = process.run(READ).splitlines()
    directory = kept(kernel.name) / f"{os.getpid()}-{next(number)}"
    for path, content in zip(lines[::2], lines[1::2]):
        path = pathlib.Path("/", path)
        if path.parent == built(kernel.name):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / path.name).write_bytes(base64.b64decode(content))


def read_counters(kernel, directory):
    """{file: {line: count}} of one guest."""
    for path in built(kernel).glob("*.gcno"):
        link = directory / path.name
        if not link.exists():
            link.symlink_to(path)
    text = subprocess.run([GCOV, "--json-format", "--stdout", *directory.glob("*.gcda")],
                          capture_output=True, text=True, check=True).stdout
    for document in text.splitlines():
        for file in json.loads(document)["files"]:
            path = pathlib.Path(file["file"])
            if path.suffix == ".c" and path.parent in (built(kernel), pathlib.Path()):
                yield path.name, {line["line_number"]: line["count"] for line in file["lines"]}


def executed(kernel):
    """{file: {line: count}} of all guests."""
    total = collections.defaultdict(collections.Counter)
    for directory in sorted(kept(kernel).iterdir()):
        for name, lines in read_counters(kernel, directory):
            total[name].update(lines)
    return total


def explained():
    lines = EXPLAINED.read_text("utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def report(kernel):
    """Prints the figures and what is not explained; returns whether that is all right."""
    known, strange = explained(), []
    hit = all_lines = 0
    for name, lines in sorted(executed(kernel).items()):
        source = (built(kernel) / name).read_text("utf-8").splitlines()
        missed = [n for n, count in sorted(lines.items()) if not count]
        hit += len(lines) - len(missed)
        all_lines += len(lines)
        print(f"{name:15} {len(lines) - len(missed):4} of {len(lines):4} lines")
        texts = [(n, f"{name}: {source[n - 1].strip()}") for n in missed]
        strange += [f"{n}: {text}" for n, text in texts if text not in known]
    percent = 100 * hit / all_lines if all_lines else 0
    print(f"{hit} of {all_lines} lines were executed: {percent:.1f} %")
    if strange:
        print("not executed, and not explained in " + EXPLAINED.name + ":", *strange, sep="\n  ")
    return percent >= GOAL_PERCENT and not strange


if __name__ == "__main__":
    sys.exit(not report(sys.argv[1]))
