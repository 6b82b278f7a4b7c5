# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""TAP, the Test Anything Protocol: written for prove, and read from programs in a guest.

A scenario is a function of a kernel's name and a Tap:

    def scenario(kernel, t):
        t.equal(1 + 1, 2, "arithmetic")

    if __name__ == "__main__":
        tap.main(scenario)
"""

import re
import signal
import sys
import traceback


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, condition, name):
        self.count += 1
        self.failed += not condition
        # A bare # would begin a directive, and prove forgives a failure that has one.
        text = " ".join(name.split()).replace("#", "\\#")
        print(f"{'ok' if condition else 'not ok'} {self.count} - {text}", flush=True)
        return bool(condition)

    def equal(self, got, want, name):
        if not self.ok(got == want, name):
            self.note(f"got:  {got!r}\nwant: {want!r}")
        return got == want

    def happens(self, name, wait, *arguments):
        """That what is waited for comes: where it does not, wait raises."""
        try:
            wait(*arguments)
        except Exception as e:      # pylint: disable=broad-except
            self.ok(False, name)
            self.note(e)
            return False
        return self.ok(True, name)

    def results(self, results):
        """Pass on what a program in a guest reported, see parse()."""
        for passed, name in results:
            self.ok(passed, name)

    def note(self, text):
        """A diagnostic: a measured figure, or why a test failed."""
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def finish(self):
        """Print the plan; returns the exit status."""
        if not self.count:
            self.ok(False, "at least one test has run")
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed else 0


def parse(status, output, command):
    """[(passed, name)] of a TAP program's output and exit status.

    Only a complete plan passes. A skipped test has tested nothing, and a test that is expected
    to fail has failed, so both count as failures. What is wrong with the run as a whole is a
    failure of its own at the end.
    """
    results = []
    plan = None
    for line in output.splitlines():
        if m := re.fullmatch(r"1\.\.(\d+)\s*", line):
            plan = int(m.group(1))
        elif m := re.fullmatch(r"(not )?ok\b\s*(\d*)\s*-?\s*(.*)", line):
            directive = re.search(r"#\s*(skip|todo)", m.group(3), re.IGNORECASE)
            in_order = m.group(2) in ("", str(len(results) + 1))
            results.append((not m.group(1) and not directive and in_order, m.group(3)))
    passed = all(result[0] for result in results)
    if not plan or plan != len(results):
        results.append((False, f"{command}: {len(results)} tests of {plan or 'no plan'}, exit "
                               f"status {status}; output ends: {output[-400:]!r}"))
    elif status and passed:
        results.append((False, f"{command}: exit status {status} although every test passed"))
    return results


def main(scenario):
    """Run a scenario for the kernel named on the command line, and end the process."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} KERNEL")
    # So that a time-out of the caller unwinds and no guest is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    t = Tap()
    try:
        scenario(sys.argv[1], t)
    except Exception as e:
        t.ok(False, f"the scenario ends without an error: {type(e).__name__}")
        t.note(traceback.format_exc())
    sys.exit(t.finish())
