#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""All for ARM by a cross compiler, as a user calls it, in the named release of Debian; and the unit
tests of that, which qemu-user runs: Linux here, the instructions and system calls there.

What qemu-user 7.2 cannot do is listed with what was seen.
"""

import time

from harness import builder, debian, kernel as kernels, tap, unittests
from harness.machine import scratch
from harness.scenario import say

ARCH = "arm64"
TRIPLET = "aarch64-linux-gnu"

EXEC = "execve(2) of what is no program is the emulator's, which ends"
IOCTL = "ioctl(2) that the emulator does not know: ENOSYS"
OPENAT2 = "openat2(2): ENOSYS"
STANDS = "a guard that stands by never says that it does, so the test waits until its time is over"
# {program: (what the points are called that fail, or None: it is not run, and what was seen)}
UNABLE = {
    "census": ("5,000 processes are begun|all of them|and into their program, to the end|"
               "and none stopped the look",
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
BUILD = "make -j2 CC={0}-gcc PKG_CONFIG={0}-pkg-config {1} >make.log 2>&1"


def prepare(suite):
    root = scratch() / "root"
    root.mkdir()
    kernels.run(["tar", "-xf", builder.cross_builder(suite, ARCH), "-C", root])
    builder.make("dist", scratch() / "o", builder.version())
    (root / "vmgen").mkdir()
    kernels.run(["tar", "-xf", *(scratch() / "o/dist").glob("*.tar.gz"), "-C", root / "vmgen",
                 "--strip-components=1", "--no-same-owner"])
    return root


def scenario(suite, t):
    debian.emulate(ARCH)
    began = time.monotonic()
    root = prepare(suite)
    names = sorted(path.stem[2:] for path in (root / "vmgen/tests/unit").glob("t-*.c"))
    t.equal(set(UNABLE) - set(names), set(), "what is listed is there")
    made = time.monotonic()
    targets = " ".join(["all", *(f"build/tests/unit/t-{name}.t" for name in names)])
    if not t.equal(unittests.enter(root, "/vmgen", BUILD.format(TRIPLET, targets)), 0,
                   "make with a cross compiler"):
        t.note((root / "vmgen/make.log").read_text("utf-8", "replace")[-4000:])
        return
    built = time.monotonic()
    header = kernels.run(["readelf", "-h", root / "vmgen/build/vmgend"])
    t.ok("AArch64" in header, "vmgend is a program for ARM")
    run = [name for name in names if UNABLE.get(name, "")[:1] != (None,)]
    t.equal(unittests.run(root, "/vmgen", run), 0,
            f"qemu-user runs {len(run)} programs of {len(names)}")
    for name in run:
        unittests.judge(t, root, name, *UNABLE.get(name, ()))
    for name in sorted(set(names) - set(run)):
        t.note(f"not run: {name}: {UNABLE[name][1]}")
    say(f"made in {made - began:.0f} s, built in {built - made:.0f} s, "
        f"run in {time.monotonic() - built:.0f} s")


if __name__ == "__main__":
    tap.main(scenario)
