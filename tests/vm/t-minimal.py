#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""vmgen's Debian packages, built by the README's commands in a minimal system of the named release
of Debian, from what make dist has packed; and the packages' own tests, in others.

In check-all, and always of testing, all of that is new; else what the build has brought comes from
the cache.
"""

import json
import pathlib
import re
import tempfile

from harness import builder, packagetest, repository, tap
from harness.machine import scratch
from harness.scenario import ALL, say

# No more than what building needs.
NOT_NEEDED = ("git", "qemu-system-x86", "qemu-utils", "clang", "systemd-sysv", "rpm", "dkms")
LINTIAN = ("apt-get -q update; DEBIAN_FRONTEND=noninteractive apt-get -q -y "
           "--no-install-recommends install lintian; lintian --allow-root "
           "--fail-on error,warning build/deb/*.changes && echo clean || echo complaint")


def check_lintian(root, number, t):
    """That of the release."""
    text = builder.inside(root, f"/root/vmgen-{number}", LINTIAN)
    if not t.ok(text.endswith("clean\n"), "its lintian finds neither errors nor warnings"):
        t.note("\n".join(line for line in text.splitlines() if line[:2] in ("E:", "W:")))


def check_groups(root, number, t):
    """What the other targets need has names in each release."""
    simulate = root / "etc/apt/apt.conf.d/91simulate"
    simulate.write_text('APT::Get::Simulate "true";\n', "ascii")
    for group in ("deps-rpm", "deps-test", "deps-bench"):
        text = builder.inside(root, f"/root/vmgen-{number}", f"make {group} 2>&1")
        *_, more = re.findall(r"(\d+) newly installed", text)
        if t.ok(int(more), f"make {group} finds its packages"):
            say(f"make {group} would bring {more} packages more")
    simulate.unlink()


def scenario(suite, t):
    again = ALL or suite == "testing"
    if again:
        directory = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
        debs = builder.build(suite, builder.version(), directory, again)
    else:
        debs = repository.packages(suite)
    brought = json.loads((debs / builder.BROUGHT).read_text("ascii"))
    say(f"{suite}: the build has brought {len(brought)} packages, "
        f"{sum(brought.values()) / 1000:.0f} MB")
    t.ok({"make", "debhelper"} <= brought.keys(), "make deb installs what it needs")
    t.equal(brought.keys() & set(NOT_NEEDED), set(), "and nothing that only tests need")
    if again:
        check_groups(directory / "root", builder.version(), t)
        check_lintian(directory / "root", builder.version(), t)
    for name, passed, output in packagetest.results(suite, debs, again):
        if not t.ok(passed, f"the packages' test {name}, with what it declares"):
            t.note(output)


if __name__ == "__main__":
    tap.main(scenario)
