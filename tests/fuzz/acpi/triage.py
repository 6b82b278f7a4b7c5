#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Says what a run of a fuzzer of the module's ACPI code came to.

triage.py FUZZER LOG PREFIX: executions and coverage as LOG has them, and what was found, each
input of PREFIX* tried again and parted by its stack: the nearest function to the fault that is
the module's or ACPICA's says whose fault it is. What the judge finds is the module's. Faults of
ACPICA are only listed, and so is what needed the inputs before it: ACPICA goes on after most of
its faults, with memory that it has spoilt. The exit status is 1 if anything is left.
"""
import collections
import glob
import os
import re
import subprocess
import sys

SECONDS = 60
AGAIN = ("nobody", "not seen again")
FRAME = re.compile(r"^\s+#\d+ 0x[0-9a-f]+ in (\S+) (\S+?)(:\d+)*$")
OWNERS = (("/kmod/", "module"), ("drivers/acpi/acpica/", "ACPICA"))
FIGURES = re.compile(r"^#(\d+):? .*?cov: (\d+) ft: (\d+) corp: (\d+)")
# Where a report begins.
START = re.compile(r"(?m)^(?:==\d+==\s?ERROR: |.*: runtime error: )")
# What it says.
KIND = re.compile(r"^(?:==\d+==\s?ERROR: \w+: |.*: runtime error: )(.*)")


def printable(text, most=100):
    """Reports quote what the inputs hold."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)[:most]


def last(text):
    """Of several reports the one that the process did not survive."""
    starts = [match.start() for match in START.finditer(text)]
    return text[starts[-1]:] if starts else text


def frames(report):
    """The functions and files of the first stack in a report."""
    found = []
    for line in report.splitlines():
        frame = FRAME.match(line)
        if frame:
            found.append((frame[1], frame[2]))
        elif found:
            break
    return found


def owner(path):
    """Whose file that is: the module's, ACPICA's, or neither's."""
    return next((who for part, who in OWNERS if part in path), None)


def part(text):
    """Whose fault the fuzzer's messages tell of, and in a few words which."""
    report = last(text)
    stack = frames(report)
    if any(function == "judge_fail" for function, _ in stack):
        return "module", re.search(r"(?m)^judge: (.*)", text)[1]
    kind = next((match[1] for match in map(KIND.match, report.splitlines()) if match), "no report")
    kind = re.sub(r"0x[0-9a-f]+|\d+ ", "", kind).split(" on ")[0]
    near = [(function, owner(path)) for function, path in stack if owner(path)]
    whose = near[0][1] if near else "nobody"
    return whose, f"{kind} in {' < '.join(name for name, _ in near[:3])}"


def run(fuzzer, path):
    """What the fuzzer reports on one input; None: nothing."""
    try:
        done = subprocess.run([fuzzer, "-timeout=20", "-rss_limit_mb=2048", path],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                              check=False)
    except subprocess.TimeoutExpired:
        return "ERROR: fuzzer: timeout"
    return done.stderr.decode(errors="replace") if done.returncode else None


def figures(log):
    """The last line of figures in a fuzzer's log, and how many rounds ended."""
    with open(log, errors="replace", encoding="utf-8") as lines:
        found = [match.groups() for match in map(FIGURES.match, lines) if match]
    if not found:
        return "no figures"
    names = ("executions", "edges", "features", "inputs in the corpus")
    return ", ".join(f"{value} {name}" for value, name in zip(found[-1], names))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    fuzzer, log, prefix = sys.argv[1:]
    findings = collections.defaultdict(list)
    for path in filter(os.path.isfile, sorted(glob.glob(glob.escape(prefix) + "*"))):
        report = run(fuzzer, path)
        findings[part(report) if report else AGAIN].append(path)
    print(f"{os.path.basename(fuzzer)}: {figures(log)}")
    for (whose, what), paths in sorted(findings.items()):
        print(f"  {whose}: {printable(what)}: {len(paths)}, as {printable(paths[0], 200)}")
    sys.exit(any(finding[0] != "ACPICA" and finding != AGAIN for finding in findings))


if __name__ == "__main__":
    main()
