#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The kernel RNG is reseeded, also if a root directory has another /dev/urandom, and no mount
is held for it. Where it cannot be reseeded, or programs draw from another, the change is told all
the same, with a flag, and vmgen_getrandom() refuses."""

from harness import tap
from harness.host import Host
from harness.scenario import boot, generation, info, new_guid, test_module

# Flags of a record, as in <vmgen/vmgenid.h>.
RNG_STALE, RNG_OTHER = 1, 4
# A root directory of the process that loads the module.
ROOT = "/root.d"
MAKE = f"mkdir -p {ROOT}/dev {ROOT}/bin; cp /bin/busybox {ROOT}/bin; cp /vmgenc.ko {ROOT}"
# A FIFO without a writer is never open.
LOAD = f"timeout 20 chroot {ROOT} /bin/busybox insmod /vmgenc.ko"
WRONG = {"no /dev/urandom": "true",
         "another device in its place": "mknod $node c 1 3",
         "a file in its place": "echo 0 >$node",
         "a FIFO in its place": "mkfifo $node"}


def check_roots(g, t):
    g.run(MAKE)
    for name, command in WRONG.items():
        g.run(f"node={ROOT}/dev/urandom; rm -f $node; {command}")
        t.equal(g.execute(LOAD)[0], 0, f"{name}: the module is loaded")
        facts = info(g)
        t.equal((facts["record_flags"], facts["getrandom"]), ("0", "0"), f"{name}: all is fresh")
        g.run("rmmod vmgenc")


def check_mount(g, t):
    """Loaded in a mount name space and a root directory with a /dev of their own."""
    status, output = g.execute(f"unshare -m sh -c 'mount -t devtmpfs none {ROOT}/dev && {LOAD} &&"
                               f" umount {ROOT}/dev'")
    t.equal((status, output), (0, ""), "the /dev it was loaded with can be unmounted")


def check_fresh(g, host, t):
    host.change()
    facts = info(g)
    t.equal((facts["generation"], facts["record_flags"]), ("2", "0"),
            "a change has the generator reseeded without them")


def check_deaf(g, host, t):
    g.run("rmmod vmgenc; insmod /other.ko deaf=1; insmod /vmgenc.ko")
    facts = info(g)
    t.equal(int(facts["record_flags"], 16), RNG_STALE, "cannot be reseeded: the record says so")
    t.equal(facts["getrandom"], "-5", "vmgen_getrandom() refuses: EIO")
    t.ok("could not be reseeded" in g.run("dmesg"), "so does the log")
    host.change()
    t.equal((generation(g), int(info(g)["record_flags"], 16)), (2, RNG_STALE),
            "a change is told, with the flag")
    t.equal(g.run("sysgenid show; sysgenid trigger; sysgenid show").split(), ["1", "2"],
            "/dev/sysgenid moves all the same, also by TRIGGER")
    g.run("rmmod other")
    host.change()
    t.equal((generation(g), info(g)["record_flags"]), (3, "0"),
            "reseeded with the next change after that is over")


def check_other(g, t):
    """Reads are served by another generator, which claims to have been reseeded."""
    g.run("rmmod vmgenc; insmod /other.ko; rm /dev/urandom; mknod -m 666 /dev/urandom c 1 9;"
          " dmesg -c >/dev/null; insmod /vmgenc.ko")
    facts = info(g)
    t.equal(g.run("head -c 4 /dev/urandom | od -An -tx1").split(), ["00"] * 4,
            "another generator behind /dev/urandom: programs read it")
    t.equal(int(facts["record_flags"], 16), RNG_OTHER, "the record says so")
    t.equal(facts["getrandom"], "-95", "vmgen_getrandom() refuses: EOPNOTSUPP")
    t.ok("may read another random number generator" in g.run("dmesg"), "so does the log")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["info", "sysgenid"], guid=guid, load=False, shared=True,
              files=test_module(kernel, "other")) as g:
        host = Host(g, guid)
        check_roots(g, t)
        check_mount(g, t)
        check_fresh(g, host, t)
        check_deaf(g, host, t)
        check_other(g, t)


if __name__ == "__main__":
    tap.main(scenario)
