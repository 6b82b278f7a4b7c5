#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Runs files of tests many times where a machine leaves them little: all on one CPU, which they
share with busy loops. What fails there depends on how fast the machine is."""

import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import single

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vm"))

from harness import tap     # pylint: disable=wrong-import-position

LOOP = ("sh", "-c", "while :; do :; done")
# Seconds: what hangs is a failure, and the others have their turn.
BOUND = 3600


@contextlib.contextmanager
def busy(count, cpu):
    loops = [subprocess.Popen(["taskset", "-c", str(cpu), *LOOP]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def attempt(file, log, cpu):
    """(what is wrong with a run or None, how many seconds it took)"""
    def prepare():
        os.sched_setaffinity(0, {cpu})
        signal.alarm(BOUND)     # survives exec
    run = single.Run(file, log, hand_on=False, preexec_fn=prepare, env=single.environment())
    wrong = [text for passed, text in tap.parse(run.status, "".join(run.text), file) if not passed]
    return ("; ".join(wrong) if wrong else None), run.seconds


def steady(file, repeat, cpu):
    """Returns the rounds that failed as (round, log, what was wrong); the others leave no log."""
    failed, took = [], []
    for number in range(1, repeat + 1):
        log = single.log_of(file, "steady").with_suffix(f".{number}.log")
        wrong, seconds = attempt(file, log, cpu)
        took.append(seconds)
        if wrong:
            failed.append((number, log, wrong))
            print(f"not ok: {file}, round {number} of {repeat}: {wrong}\n    {log}", flush=True)
        else:
            log.unlink()
    print(f"{file}: {repeat - len(failed)} of {repeat} rounds passed, "
          f"{min(took):.1f} to {max(took):.1f} s", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--loops", type=int, default=4)
    parser.add_argument("--again", required=True, help="the command that runs TESTS= alone")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    if not args.files or args.repeat < 1:
        sys.exit("steady.py: there is nothing to run: name tests, and a number of rounds")
    cpu = min(os.sched_getaffinity(0))
    with busy(args.loops, cpu):
        failed = {file: rounds for file in args.files if (rounds := steady(file, args.repeat, cpu))}
    for file, rounds in failed.items():
        print(f"  {args.again} TESTS={file}")
        for number, log, _ in rounds:
            print(f"      round {number}: {log}")
    print(f"{len(args.files)} files, {args.repeat} rounds each, {len(failed)} not steady\n"
          f"Result: {'FAIL' if failed else 'PASS'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
