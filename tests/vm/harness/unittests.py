# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The unit tests of tests/unit/ in another root directory: of a release or an architecture of Debian.

    if enter(root, "/vmgen", "make ..."):
        run(root, "/vmgen", names)
    for name in names:
        judge(t, root, name)

What such a system cannot do is listed: a listed point that passes is a mistake in the list, and so
is a failure that is not listed.
"""

import re
import subprocess

from harness import tap

TIMEOUT = 240       # seconds for one program
# In the root directory: for each program one file for what it says, and one for how it ended.
OUT = "var/unit-tests"
RUN = (f'mkdir /{OUT}; for t; do echo "$t"; done | xargs -P 2 -I NAME sh -c '
       f'"timeout -k 5 {TIMEOUT} build/tests/unit/t-NAME.t </dev/null >/{OUT}/NAME.log 2>&1; '
       f'echo \\$? >/{OUT}/NAME.status"')
# The root directory has to be a mount, and that of all, or there are no user name spaces; and only
# root may write to /run.
ENTER = ('mount --bind "$1" "$1"; cd "$1"; mount --rbind /dev dev; mount -t proc proc proc; '
         'mount --rbind /sys sys; mount -t tmpfs -o mode=1777 tmpfs tmp; '
         'mount -t tmpfs -o mode=755 tmpfs run; directory=$2 script=$3; shift 3; '
         'pivot_root . mnt; cd "/$directory"; umount -l /mnt; exec sh -c "$script" sh "$@"')


def enter(root, directory, script, *words):
    """The exit status of a shell script there."""
    return subprocess.run(["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "O", "unshare",
                           "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", ENTER, "sh",
                           root, directory, script, *words], check=False).returncode


def run(root, directory, names):
    return enter(root, directory, RUN, *names)


def judge(t, root, name, points="", seen=""):
    """One line for a program: all of its points, but for those that are listed, with what was seen."""
    log = (root / OUT / f"{name}.log").read_text("utf-8", "replace")
    status = int((root / OUT / f"{name}.status").read_text("ascii"))
    results = tap.parse(status, log, name)
    failed = [point for passed, point in results if not passed]
    # The whole of a run that ended early.
    listed = [point for point in failed if points and
              re.fullmatch(f"(?s){points}|{name}: .* tests of no plan.*", point)]
    other = [point for point in failed if point not in listed]
    if listed:
        title = f"{name}: {len(results) - len(failed)} of {len(results)} points; unable: {seen}"
    else:
        title = f"{name}: all of {len(results)} points"
    if not t.ok(not other and bool(listed) == bool(points), title):
        t.note("\n".join(other) or "what is listed passes: take it from the list")
