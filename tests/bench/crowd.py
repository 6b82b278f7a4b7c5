# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""How long root waits for a change beside a crowd of nobody's that waits for it too, and how long
interrupts are off meanwhile, in instructions."""

import statistics

from harness import crowd
from harness.figures import NS_PER_INSTRUCTION
from harness.scenario import boot, new_guid

COUNTS = (1, 10000, 500000)


def measure_count(g, kernel, count, clones):
    pids = crowd.gather(g, count)
    snapshot = g.save(str(count))
    g.resume()
    g.run(f"kill {' '.join(map(str, pids))}")
    seen = []
    for _ in range(clones):
        with snapshot.clone(guid=new_guid()) as c:
            seen.append(crowd.measure(c, count))
    snapshot.path.unlink()
    return {"kernel": kernel, "count": count,
            **{who: statistics.median_low(getattr(each, who) for each in seen) // NS_PER_INSTRUCTION
               for who in ("root", "heir", "crowd", "latest")}}


def measure_kernel(kernel, options):
    with boot(kernel, ["waiters"], sanitized=False, guid=new_guid(), icount=True) as g:
        rows = [measure_count(g, kernel, count, options.clones) for count in COUNTS]
    for row in rows:
        row["ratio"] = row["root"] / rows[0]["root"]
    return rows


def measure(options):
    return [row for kernel in options.kernels for row in measure_kernel(kernel, options)]


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("crowd", 10, lambda row: f"{row['count']:7,}"),
    ("root is woken", 18, lambda row: f"{row['root']:13,}"),
    ("ratio", 10, lambda row: f"{row['ratio']:6.2f}"),
    ("the crowd is woken", 22, lambda row: f"{row['crowd']:18,}"),
    ("an interrupt is late", 0, lambda row: f"{row['latest']:18,}"),
)
