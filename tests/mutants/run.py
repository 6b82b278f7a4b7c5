#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Breaks one line at a time in a copy of the tree, and runs the quickest tests that should notice.

A mutant is found if it builds and a test of its own fails with it that passes without it. What a
mutant is, mutants.py reads from the lists beside this.
"""

import argparse
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import mutants

TOP = pathlib.Path(__file__).resolve().parents[2]
# What a make above this one has set, which is of no meaning to ours: a warning is no mistake in a
# mutant, and the copy has a build directory of its own.
UNSET = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KCFLAGS", "CI", "WERROR", "O")
# Not of the tree, or made by it.
LEFT_OUT = {".git", "build", "__pycache__"}
# Seconds; an unbroken test has as many times what it took, and these.
FACTOR, MARGIN = 5, 60
FIRST = 1800
PR_SET_CHILD_SUBREAPER = 36


class Failure(Exception):
    """The list or the tree is wrong, so nothing is found out."""


def descendants():
    """Also those whose parents are gone: they come to this process."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text("ascii", "replace")
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    ours, more = {os.getpid()}, True
    while more:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        ours |= more
    return ours - {os.getpid()}


def end_all():
    """What a test or its broken program left behind."""
    while left := descendants():
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


class Tree:
    """The copy, with the build directory that all mutants share."""

    def __init__(self, place):
        self.place = place
        self.log = place.parent / "log"
        self.log.mkdir(parents=True, exist_ok=True)
        self.environment = {k: v for k, v in os.environ.items() if k not in UNSET}
        self.environment["O"] = "build"

    def update(self):
        """Has the copy be as the tree is, and leaves what is the same, for make looks at times."""
        there = set()
        for directory, names, files in os.walk(TOP):
            inside = pathlib.Path(directory).relative_to(TOP)
            names[:] = [name for name in names
                        if name not in LEFT_OUT and TOP / inside / name not in self.place.parents]
            (self.place / inside).mkdir(parents=True, exist_ok=True)
            for name in files:
                there.add(inside / name)
                self.copy(inside / name)
        for directory, names, files in os.walk(self.place):
            inside = pathlib.Path(directory).relative_to(self.place)
            names[:] = [name for name in names if name not in LEFT_OUT]
            for name in files:
                if inside / name not in there:
                    (self.place / inside / name).unlink()

    def copy(self, name):
        source, target = TOP / name, self.place / name
        if source.is_symlink() or not source.is_file():
            return
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
        if target.stat().st_mode != source.stat().st_mode:
            shutil.copymode(source, target)

    def call(self, command, log, seconds):
        """Returns what it printed, and its exit status or None, if it was ended after that time."""
        with open(log, "w", encoding="utf-8") as output:
            process = subprocess.Popen(command, cwd=self.place, env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT)
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                status = None
        end_all()
        return log.read_text("utf-8", "replace"), status

    def build(self, test, log):
        """Returns whether all that the test needs could be built."""
        jobs, needs = len(os.sched_getaffinity(0)), test.needs()
        text, status = self.call(["make", f"-j{jobs}", "O=build", *needs] if needs else ["true"], log, FIRST)
        return status == 0, text

    def run(self, test, log, seconds):
        return self.call([f"./{test.file()}"], log, seconds)


def first_failure(text, status):
    """Returns None if a test has passed: its plan is kept, and all in it is ok."""
    plan = re.findall(r"^1\.\.(\d+)\s*$", text, re.MULTILINE)
    results = re.findall(r"^(not )?ok\b ?(.*)$", text, re.MULTILINE)
    for failed, name in results:
        if failed:
            return re.sub(r"^\d+( -)? ?", "", name)
    if status:
        last = text.strip().rpartition("\n")[2]
        return f"exit status {status}: {last[:160]}"
    if len(plan) != 1 or int(plan[0]) != len(results) or not results:
        return "its plan is not kept"
    return None


class Session:
    def __init__(self, tree):
        self.tree = tree
        self.unbroken = {}      # {test: (seconds it may take, None or what is wrong)}

    def check(self, test):
        """Runs a test on the unbroken tree, once."""
        if test not in self.unbroken:
            log = self.tree.log / f"{test.name.replace('/', '-')}.log"
            good, text = self.tree.build(test, log)
            if not good:
                raise Failure(f"{test.name} cannot be built: {log}\n{text[-2000:]}")
            began = time.monotonic()
            text, status = self.tree.run(test, log, FIRST)
            took = time.monotonic() - began
            wrong = "it hangs" if status is None else first_failure(text, status)
            print(f"# {test.name}: {took:.1f} s unbroken" + (f", and fails: {wrong}" if wrong else ""),
                  flush=True)
            self.unbroken[test] = (took * FACTOR + MARGIN, wrong)
        return self.unbroken[test]

    def try_test(self, mutant, test):
        """Returns how it was found, or None. The tree is broken."""
        seconds, _ = self.unbroken[test]
        log = self.tree.log / f"{mutant.name}.log"
        good, text = self.tree.build(test, log)
        if not good:
            errors = [line for line in text.splitlines() if "error" in line.lower()] or [str(log)]
            raise Failure(f"does not build: {errors[0]}")
        text, status = self.tree.run(test, log, seconds)
        if status is None:
            return f"{test.name} hangs"
        failure = first_failure(text, status)
        return failure and f"{test.name}: {failure}"

    def try_mutant(self, mutant):
        """Returns how it was found, or None."""
        for test in mutant.tests:
            if wrong := self.check(test)[1]:
                raise Failure(f"{test.name} fails on the unbroken tree: {wrong}")
        path = self.tree.place / mutant.file
        whole = path.read_text("utf-8")
        path.write_text(mutant.apply(whole), "utf-8")
        try:
            for test in mutant.tests:
                if found := self.try_test(mutant, test):
                    return found
            return None
        finally:
            path.write_text(whole, "utf-8")


def judge(mutant, session):
    """Returns whether all is well, and a word for the figures with a text for the line."""
    try:
        found = session.try_mutant(mutant)
    except Failure as e:
        return False, "wrong", str(e)
    if found:
        if mutant.survives:
            return False, "found", f"found, so take out why it is not: {found}"
        return True, "found", found
    if mutant.survives:
        return True, "survived", f"survives: {mutant.survives}"
    tests = ", ".join(test.name for test in mutant.tests)
    return False, "survived", f"SURVIVES {tests}: {mutant.file}: {mutant.new or '(nothing)'}"


def report(results, seconds):
    by_word = {}
    for mutant, _, word, text in results:
        by_word.setdefault(word, []).append(mutant.name + (" (hangs)" if text.endswith(" hangs") else ""))
    hangs = [name for name in by_word.get("found", []) if name.endswith(" (hangs)")]
    print(f"# {len(results)} mutants in {seconds / 60:.1f} min: {len(by_word.get('found', []))} found"
          + (f", of which by a test that hangs: {', '.join(hangs)}" if hangs else ""))
    explained = {mutant.name for mutant, _, _, _ in results if mutant.survives}
    survivors = by_word.get("survived", [])
    print(f"# survived: {', '.join(survivors) or 'none'}"
          + (f"; explained: {', '.join(n for n in survivors if n in explained) or 'none'}"
             if survivors else ""))
    if "wrong" in by_word:
        print(f"# not tried, because the list or the tree is wrong: {', '.join(by_word['wrong'])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--place", required=True, type=pathlib.Path, help="for the copy")
    parser.add_argument("--list", action="store_true", help="only check the lists, and print names")
    parser.add_argument("names", nargs="*", help="mutants; none: all")
    args = parser.parse_args()
    try:
        chosen = mutants.choose(mutants.read(TOP), args.names)
    except mutants.ListError as e:
        sys.exit(f"check-mutants: {e}")
    if args.list:
        print("\n".join(f"{mutant.name} {mutant.file}" for mutant in chosen))
        return
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    tree = Tree(args.place.resolve() / "tree")
    tree.update()
    session, results, began = Session(tree), [], time.monotonic()
    print(f"1..{len(chosen)}", flush=True)
    for number, mutant in enumerate(chosen, 1):
        start = time.monotonic()
        good, word, text = judge(mutant, session)
        results.append((mutant, good, word, text))
        print(f"{'' if good else 'not '}ok {number} - {mutant.name}: {text.replace('#', ':')} "
              f"({time.monotonic() - start:.1f} s)", flush=True)
    report(results, time.monotonic() - began)
    sys.exit(not all(good for _, good, _, _ in results))


if __name__ == "__main__":
    main()
