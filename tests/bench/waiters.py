# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""From the change being noticed to the return of a poll for many descriptors, in instructions."""

import itertools
import statistics

from harness.figures import NS_PER_INSTRUCTION
from harness.scenario import boot, new_guid

COUNTS = (1, 100, 1000, 10000)


def wake(snapshot, count):
    with snapshot.clone(guid=new_guid()) as c:
        c.wait_for("grep -q woken /tmp/waiters")
        ns, woken = (int(field) for field in c.run("grep woken /tmp/waiters").split()[1:])
    if woken != count:
        raise RuntimeError(f"{woken} of {count} descriptors were readable")
    return ns // NS_PER_INSTRUCTION


def measure_kernel(kernel, options):
    rows = []
    with boot(kernel, ["waiters"], sanitized=False, guid=new_guid(), icount=True) as g:
        for count in COUNTS:
            # Ahead of the shell that asks whether it has been woken.
            pid = g.spawn(f"exec chrt -f 1 waiters {count} >/tmp/waiters")
            g.wait_for("grep -q ready /tmp/waiters")
            g.run("sleep 1")
            snapshot = g.save(str(count))
            g.resume()
            g.run(f"kill {pid}")
            seen = [wake(snapshot, count) for _ in range(options.clones)]
            rows.append({"kernel": kernel, "waiters": count, "seen": seen,
                         "instructions": statistics.median_low(seen), "each": None})
            snapshot.path.unlink()
    for fewer, more in itertools.pairwise(rows):
        more["each"] = ((more["instructions"] - fewer["instructions"])
                        / (more["waiters"] - fewer["waiters"]))
    return rows


def measure(options):
    return [row for kernel in options.kernels for row in measure_kernel(kernel, options)]


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("descriptors", 14, lambda row: f"{row['waiters']:11}"),
    ("instructions", 15, lambda row: f"{row['instructions']:12}"),
    ("each, since the row above", 0, lambda row: "" if row["each"] is None else f"{row['each']:8.1f}"),
)
