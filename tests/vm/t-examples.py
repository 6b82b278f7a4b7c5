#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The examples of libvmgen(3) run in a guest; in its clones each starts anew, once, and apart."""

from harness import tap
from harness.scenario import NOBODY, boot, generation, new_guid, seed

EXAMPLES = ("prng", "event-loop", "pre-fork")
PORT = 8080
CHILDREN = 3
# Which child answers is the kernel's choice.
REQUESTS = 30


def ask(g):
    """The prefixes of the servers that answered, and the counts: {prefix: [count]}."""
    answers = {}
    for line in g.run(f"for i in $(seq {REQUESTS}); do nc 127.0.0.1 {PORT}; done").split():
        prefix, count = line.split("-")
        answers.setdefault(prefix, []).append(int(count))
    return answers


def start(g):
    """The generator as root, so that it sees the raw page, the others as nobody."""
    g.run("mkfifo /tmp/in; chmod 666 /tmp/in; ifconfig lo up")
    g.spawn("exec prng >/tmp/prng 2>&1")
    g.spawn(f"exec {NOBODY} event-loop 0<>/tmp/in >/tmp/event-loop 2>&1")
    g.spawn(f"exec {NOBODY} pre-fork {PORT} >/tmp/pre-fork 2>&1")
    g.wait_for("grep -q '^1 1' /tmp/prng && grep -q session /tmp/event-loop"
               " && grep -q . /tmp/pre-fork")
    g.run("echo >/tmp/in")
    g.wait_for("grep -q '^1 ' /tmp/event-loop")


def check_before(g, t):
    """Nothing happened; returns what all three have told so far."""
    servers = ask(g)
    parent, count = g.run("cat /tmp/pre-fork").strip().split("-")
    t.ok(len(servers) == CHILDREN and parent not in servers and count == "1",
         "pre-fork: after fork() each process has a prefix of its own")
    t.ok(all(counts == list(range(1, len(counts) + 1)) for counts in servers.values()),
         "and counts its answers")
    return set(servers) | {parent}


def drawn(c, more=""):
    """{(thread, times seeded): [number]} of prng, once it has written ten more such lines."""
    lines = f"grep -c '^[01] {more}' /tmp/prng"
    c.run(f"n=$({lines}); until test $({lines}) -ge $((n + 10)); do sleep 0.1; done")
    numbers = {}
    for line in c.run("cat /tmp/prng").splitlines():
        thread, seeded, number = line.split()
        numbers.setdefault((thread, seeded), []).append(number)
    return numbers


def check_changed(snapshot, old, t):
    """What one clone tells: its numbers, its session and its servers' prefixes."""
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("test $(grep -c session /tmp/event-loop) = 2")
        c.run("echo >/tmp/in")
        c.wait_for("tail -n 1 /tmp/event-loop | grep -v session")
        word, session, count, key = c.run("tail -n 2 /tmp/event-loop").split()
        t.equal((word, count, key), ("session", "1", session),
                "event-loop: a new session began unasked, and its answers count from 1")
        servers = ask(c)
        t.ok(len(servers) == CHILDREN and not set(servers) & old,
             "pre-fork: each server has a new prefix")
        t.ok(all(counts[0] == 1 for counts in servers.values()), "and counts from 1")
        numbers = drawn(c, more="2")
        t.equal(sorted(numbers), [("0", "1"), ("0", "2"), ("1", "1"), ("1", "2")],
                "prng: each thread was seeded once more")
        return {*numbers["0", "2"], *numbers["1", "2"]}, {session, *servers}


def check_same(snapshot, guid, t):
    """With the same ID siblings go on alike, so the others differ for a reason."""
    seen = []
    for _ in range(2):
        with snapshot.clone(guid=guid) as c:
            c.wait_for("info | grep -qx 'spurious_notifies 1'")
            numbers = drawn(c)
            t.equal(sorted(numbers), [("0", "1"), ("1", "1")], "the same ID: nobody starts anew")
            seen.append((numbers["0", "1"], set(ask(c))))
    (one, servers), (two, others) = seen
    t.ok(all(a == b for a, b in zip(one, two)) and servers == others,
         "and siblings draw and give out the same")


def scenario(kernel, t):
    guid = new_guid()
    with boot(kernel, [*EXAMPLES, "info"], guid=guid, cpus=2) as g:
        seed(g)
        start(g)
        old = check_before(g, t)
        t.equal(generation(g), 1, "up to here nothing changed")
        snapshot = g.snapshot()
    (one, names), (two, others) = (check_changed(snapshot, old, t) for _ in range(2))
    t.ok(not one & two, "siblings draw apart")
    t.ok(not names & others, "and have nothing else in common")
    check_same(snapshot, guid, t)


if __name__ == "__main__":
    tap.main(scenario)
