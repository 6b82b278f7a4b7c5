#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""All for ARM by a cross compiler, as a user calls it, in the named release of Debian; and the unit
tests of that, which qemu-user runs: Linux here, the instructions and system calls there.

What qemu-user 7.2 cannot do is listed with what was seen. A listed point that passes is a mistake
in the list, and so is a failure that is not listed.
"""

import pathlib
import re
import subprocess
import time

from harness import builder, debian, kernel as kernels, tap
from harness.machine import scratch
from harness.scenario import say

ARCH = "arm64"
TRIPLET = "aarch64-linux-gnu"
TIMEOUT = 240       # seconds for one program

EXEC = "execve(2) of what is no program is the emulator's, which ends"
IOCTL = "ioctl(2) that the emulator does not know: ENOSYS"
OPENAT2 = "openat2(2): ENOSYS"
STANDS = "a guard that stands by never says that it does, so the test waits until its time is over"
# {program: (what the points are called that fail, or None: it is not run, and what was seen)}
UNABLE = {
    "census": ("5,000 processes are begun|all of them|and into their program, to the end|"
               "and none stopped the look|kind .*",
               "clone(2) with flags that neither fork() nor a thread has: EINVAL"),
    "confined": ("seccomp: .*|the same, then cloned", "prctl(PR_SET_SECCOMP): EINVAL"),
    "connection": (None, "two points are bounded in time, and passed in one run of three"),
    "ctl": ("metrics --output=.*|in a file|what is left out", OPENAT2),
    "guardian": (None, STANDS),
    "keeper": (None, EXEC),
    "metrics": (".*", OPENAT2),
    "misfit": (None, STANDS),
    "mounts": ("but none of /proc", "/proc/self is in part the emulator's"),
    "netlink": (".*", "socket(AF_NETLINK) of protocols other than route: EPROTONOSUPPORT"),
    "netns": (".*", "setns(2) and unshare(2): EINVAL, then ENOSYS"),
    "random": (".*", IOCTL),
    "source": ("/dev/.*: ENOTTY|a terminal: ENOTTY|but it can be mapped, .*", IOCTL),
    "standby": (None, STANDS),
    "tree": ("what moves on and on is stopped, then ended", "some of it is left; not explained"),
    "trigger": (".*", IOCTL),
    "vigil": (None, STANDS),
    "vmgend": ("but nothing skips the reseed", IOCTL),
    "vmgenid": ("asking: EBADF|random bytes: EBADF", IOCTL),
}
BUILD = "make -j2 CC={0}-gcc PKG_CONFIG={0}-pkg-config {1} >/out/make.log 2>&1"
# One file for what a program says, and one for how it ended.
RUN = ('for t; do echo "$t"; done | xargs -P 2 -I NAME sh -c '
       '"timeout -k 5 %d build/tests/unit/t-NAME.t </dev/null >/out/NAME.log 2>&1; '
       'echo \\$? >/out/NAME.status"' % TIMEOUT)
# The root directory has to be a mount, and /run one that only root writes, as they are elsewhere.
ENTER = ('mount --bind "$1" "$1"; cd "$1"; mount --rbind /dev dev; mount -t proc proc proc; '
         'mount --rbind /sys sys; mount -t tmpfs -o mode=1777 tmpfs tmp; '
         'mount -t tmpfs -o mode=755 tmpfs run; script=$2; shift 2; '
         'exec chroot . sh -c "cd /vmgen && $script" sh "$@"')


def enter(root, script, *words):
    return subprocess.run(["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "O", "unshare",
                           "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", ENTER, "sh",
                           root, script, *words], check=False).returncode


def prepare(suite):
    root = scratch() / "root"
    root.mkdir()
    kernels.run(["tar", "-xf", builder.cross_builder(suite, ARCH), "-C", root])
    builder.make("dist", scratch() / "o", builder.version())
    (root / "vmgen").mkdir()
    (root / "out").mkdir()
    kernels.run(["tar", "-xf", *(scratch() / "o/dist").glob("*.tar.gz"), "-C", root / "vmgen",
                 "--strip-components=1", "--no-same-owner"])
    return root


def judge(t, name, out):
    """One line for a program: all of its points, but for those that are listed."""
    points, seen = UNABLE.get(name, ("", ""))
    log = pathlib.Path(out, f"{name}.log").read_text("utf-8", "replace")
    status = int(pathlib.Path(out, f"{name}.status").read_text("ascii"))
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


def scenario(suite, t):
    debian.emulate(ARCH)
    began = time.monotonic()
    root = prepare(suite)
    names = sorted(path.stem[2:] for path in (root / "vmgen/tests/unit").glob("t-*.c"))
    t.equal(set(UNABLE) - set(names), set(), "what is listed is there")
    made = time.monotonic()
    targets = " ".join(["all", *(f"build/tests/unit/t-{name}.t" for name in names)])
    if not t.equal(enter(root, BUILD.format(TRIPLET, targets)), 0, "make with a cross compiler"):
        t.note((root / "out/make.log").read_text("utf-8", "replace")[-4000:])
        return
    built = time.monotonic()
    header = kernels.run(["readelf", "-h", root / "vmgen/build/vmgend"])
    t.ok("AArch64" in header, "vmgend is a program for ARM")
    run = [name for name in names if UNABLE.get(name, "")[:1] != (None,)]
    t.equal(enter(root, RUN, *run), 0, f"qemu-user runs {len(run)} programs of {len(names)}")
    for name in run:
        judge(t, name, root / "out")
    for name in sorted(set(names) - set(run)):
        t.note(f"not run: {name}: {UNABLE[name][1]}")
    say(f"made in {made - began:.0f} s, built in {built - made:.0f} s, "
        f"run in {time.monotonic() - built:.0f} s")


if __name__ == "__main__":
    tap.main(scenario)
