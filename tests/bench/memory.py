# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What all processes of vmgend take while they wait, and apart from that what they keep locked for
the guards of the bench to start with, in KiB."""

import re

import latency

SMAPS = ("for p in /proc/[1-9]*; do case $(readlink $p/exe) in "
         "*/vmgend) echo process $p; cat $p/smaps;; esac; done")


def mappings(text):
    """({field: KiB} for each mapping)"""
    for part in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text)[1:]:
        yield {field: int(kib) for field, kib in re.findall(r"(?m)^(\w+): +(\d+) kB", part)}


def summary(text):
    processes = text.split("process ")[1:]
    total = dict.fromkeys(("rss", "pss", "locked"), 0)
    for mapping in (m for process in processes for m in mappings(process)):
        if mapping["Locked"]:
            total["locked"] += mapping["Rss"]
            continue
        total["rss"] += mapping["Rss"]
        total["pss"] += mapping["Pss"]
    return {"processes": len(processes), **total}


def measure(options):
    rows = []
    disk = latency.root_disk()
    for kernel in options.kernels:
        with latency.started(kernel, disk) as g:
            rows.append({"kernel": kernel, **summary(g.run(SMAPS))})
    return rows


COLUMNS = (
    ("kernel", 12, lambda row: row["kernel"]),
    ("processes", 12, lambda row: f"{row['processes']:9}"),
    ("     PSS", 12, lambda row: f"{row['pss']:8,}"),
    ("     RSS", 12, lambda row: f"{row['rss']:8,}"),
    ("  locked", 0, lambda row: f"{row['locked']:8,}"),
)
