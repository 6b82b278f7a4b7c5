#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The library on nodes that it is told to take, or finds: of a kernel that has only /dev/sysgenid,
as root and as nobody; and on one whose descriptor is closed, or whose module wants to go."""

from harness import tap
from harness.handle import (EVENTS, EXACT, ID, POLLIN, RAW, SETTLES, SYSGENID, UNPRIVILEGED,
                            VMCLOCK, VMGENID, Handle, failed)
from harness.host import Host
from harness.scenario import NOBODY, boot, generation, new_guid


def check_paths(h, t):
    t.equal(h.ask("open 0"), 0, "of all nodes")
    t.equal(h.facts(), (VMGENID, RAW | EXACT | EVENTS | ID | SETTLES, 1),
            "/dev/vmgenid is taken, with all it has")
    t.equal(h.ask("id", "getrandom", "close"), [0, 0, 0], "an ID, and random bytes")
    t.equal(h.ask(f"open {UNPRIVILEGED}"), 0, "root may do without privileges")
    t.equal(h.facts(), (VMGENID, EXACT | EVENTS | SETTLES, 1), "then there is no raw page")
    t.equal(h.ask("id", "getrandom", "close"), [*failed("EPERM"), 0, 0], "and no ID: EPERM")
    t.equal(h.ask(f"open {SYSGENID}"), 0, "a kind can be asked for")
    t.equal(h.facts(), (SYSGENID, EVENTS, 1), "and is taken")
    t.equal(h.ask("getrandom", "id", "close"), [*failed("EOPNOTSUPP", "EOPNOTSUPP"), 0],
            "with what that one has")
    t.equal(h.ask("open 0 /dev/sysgenid"), 0, "so can a path")
    t.equal(h.facts()[0], SYSGENID, "whose kind is found out")
    h.ask("close")
    for flags, path, error in ((VMGENID, "/dev/sysgenid", "ENOTTY"),
                               (SYSGENID, "/dev/vmgenid", "ENOTTY"),
                               (VMCLOCK, "/dev/vmgenid", "EPROTO"),
                               (VMCLOCK, "/dev/sysgenid", "EPROTO"),
                               (0, "/dev/ttyS0", "ENOTTY"), (0, "/dev/zero", "EPROTO"),
                               (0, "/dev", "ENOTTY"), (0, "/init", "ENOTTY")):
        t.equal(h.ask(f"open {flags} {path}"), *failed(error), f"{flags} on {path}: {error}")


def check_closed(h, t):
    """The process closes all descriptors, as it does to become a daemon."""
    t.equal(h.ask("open 0", "close_all"), [0, 0], "all descriptors are closed")
    t.equal(h.ask("changed", "generation", "getrandom", "guard", "guard"),
            [0, 1, 0, [1, 1], [0, 1]], "what is mapped works on")
    bad, = failed("EBADF")
    t.equal(h.ask("changed_now", "changed_now", "event", "read", "wait 1 -1", "info")[:5],
            [1, 1, [bad, 0], [bad, 0], [bad, 0]], "what asks the device says EBADF, or yes")


def check_closed_changed(h, t):
    bad, = failed("EBADF")
    t.equal(h.ask("changed", "changed", "generation", "getrandom"), [1, 1, 2, bad],
            "after a change it is changed for good")
    t.equal(h.ask("guard", "guard"), [[1, 2], [1, 3]], "and what is guarded is renewed every time")
    t.equal(h.ask("close", "open 0", "changed", "getrandom"), [0, 0, 0, 0],
            "until it is opened again")


def check_leaving(g, host, h, t):
    """The module may not go while somebody waits."""
    h.begin("wait 1 -1")
    t.ok(h.is_waiting(), "a thread waits")
    status, output = g.execute("rmmod vmgenc")
    t.ok(status, f"the module stays: {output.strip()}")
    t.ok(h.is_waiting(), "the wait goes on")
    host.change()
    t.equal(generation(g), 2, "until there is a change")
    t.equal(h.end(), [0, 2], "which ends it")


def check_lost_id(host, h, t):
    """The host's page moves, and the generation does not."""
    t.equal(h.ask("changed", "guard", "guard"), [1, [1, 1], [0, 1]], "a guard has run")
    host.write(bytes(16))
    t.equal(h.ask("guard", "changed", "changed_now", "guard", "generation"),
            [[0, 1], 0, 0, [0, 1], 2], "the loss of the ID is no change")
    t.equal(h.ask("getrandom"), *failed("ENODATA"), "but without it nothing is vouched for: ENODATA")
    host.change()
    t.equal(h.ask("guard", "changed", "guard", "getrandom"), [[1, 2], 1, [0, 2], 0],
            "another ID is one")


def check_sysgenid(h, t):
    """Of a kernel without vmgen, after the clone."""
    for name, tier in h.items():
        t.equal(tier.end(), [0, 2], f"{name}: vmgen_wait() ends in a clone")
        t.equal(tier.ask("changed", "changed", "changed_now", "guard", "guard"),
                [1, 0, 0, [1, 2], [0, 2]], f"{name}: the change is told once")
    again, = failed("EAGAIN")
    t.equal(h["root"].ask("poll 0", "read", "poll 0", "read"),
            [[1, POLLIN], [0, 2], [0, 0], [again, 0]], "root reads it, and confirms it")
    t.equal(h["nobody"].ask("fd", "read", "read"), [*failed("EOPNOTSUPP"), [0, 2], [again, 0]],
            "nobody reads it, without a descriptor")


def open_sysgenid(g, t):
    h = {"root": Handle(g, "root"), "nobody": Handle(g, "nobody", NOBODY)}
    for name, tier in h.items():
        t.equal(tier.ask("open 0", "guard"), [0, [1, 1]], f"{name}: /dev/sysgenid is found")
        t.equal(tier.facts(), (SYSGENID, EVENTS if name == "root" else 0, 1),
                f"{name}: what it can do")
    t.equal(h["root"].ask("poll 0"), [0, 0], "nothing is to be read")
    for tier in h.values():
        tier.begin("wait 1 -1")
        t.ok(tier.is_waiting(), "vmgen_wait() waits")
    return h


def check_trigger(c, h, t):
    h["root"].begin("poll -1")
    c.run("sysgenid trigger")
    t.equal(h["root"].end(), [1, POLLIN], "a generation by request wakes who polls")
    for name, tier in h.items():
        t.equal(tier.ask("changed", "changed", "read", "event"), [1, 0, [0, 3], [0, 3]],
                f"{name}: it is a change like any other")


def check_lockdown(c, h, t):
    """Last, because nothing lifts it again."""
    for tier in h.values():
        tier.ask("close")
    c.run("rmmod vmgenc; insmod /vmgenc.ko && head -c 1 /dev/mem >/dev/null && "
          "mount -t securityfs securityfs /sys/kernel/security && "
          "echo confidentiality >/sys/kernel/security/lockdown")
    t.ok(c.execute("head -c 1 /dev/mem")[0], "the kernel is locked down")
    locked = Handle(c, "locked")
    t.equal(locked.ask("open 0", "id"), [0, 0], "which changes nothing: root has the ID")
    t.ok(locked.facts()[1] & RAW, "and the hypervisor's page")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, ["handle", "sysgenid"], guid=guid, cpus=2, shared=True) as g:
        host = Host(g, guid)
        h = Handle(g, "paths")
        check_paths(h, t)
        check_closed(h, t)
        waiting = Handle(g, "waiting")
        t.equal(waiting.ask("open 0"), 0, "another handle is open")
        check_leaving(g, host, waiting, t)
        check_closed_changed(h, t)
        check_lost_id(host, waiting, t)
        waiting.ask("close")
        h.ask("close")
        g.run("rmmod vmgenc; insmod /vmgenc.ko && rm /dev/vmgenid")
        h = open_sysgenid(g, t)
        snapshot = g.snapshot()
    with snapshot.clone(guid=new_guid()) as c:
        h = {name: tier.of(c) for name, tier in h.items()}
        check_sysgenid(h, t)
        check_trigger(c, h, t)
        check_lockdown(c, h, t)


if __name__ == "__main__":
    tap.main(scenario)
