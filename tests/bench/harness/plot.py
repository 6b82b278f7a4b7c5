#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""plot.py JSON SVG: draws what report.py has measured, a panel for each part; SVG for a light page,
and beside it NAME-dark.svg for a dark one, as a <picture> shows them."""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("SVG")
# Text stays text, and the same figures give the same file.
OWN = {"svg.fonttype": "none", "svg.hashsalt": "vmgen", "font.size": 9}
LICENCE = ("<!-- SPDX-License-Identifier: BSD-2-Clause -->",
           "<!-- Copyright (C) the vmgen authors -->")
PANEL_INCHES, ROW_INCHES = 3.6, 0.22
# What is added to the name of the file, and what matplotlib calls it.
STYLES = {"": "default", "-dark": "dark_background"}

from matplotlib import pyplot  # noqa: E402: the back end is chosen before


def bars_of_costs(axes, rows):
    names = [row["way"] for row in rows]
    for offset, mode in ((-0.2, "loop"), (0.2, "alone")):
        medians = [row[mode]["median"] for row in rows]
        errors = [[row[mode]["median"] - row[mode]["low"] for row in rows],
                  [row[mode]["high"] - row[mode]["median"] for row in rows]]
        axes.barh([i + offset for i in range(len(rows))], medians, 0.4, xerr=errors,
                  ecolor="gray", label=mode)
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("ns for a call: median, quartiles")
    axes.legend()


def bars_of_groups(axes, rows, name, value, label):
    """Largest values, a group of bars for each kernel and number of CPUs."""
    groups = list(dict.fromkeys((row["kernel"], row["cpus"]) for row in rows))
    names = list(dict.fromkeys(row[name] for row in rows))
    width = 0.8 / len(names)
    for i, each in enumerate(names):
        found = {(row["kernel"], row["cpus"]): max(row[value]) for row in rows
                 if row[name] == each}
        axes.bar([g + i * width for g in range(len(groups))], [found[g] for g in groups], width,
                 label=each)
    axes.set_xticks([g + 0.4 - width / 2 for g in range(len(groups))],
                    [f"{kernel}\n{cpus} CPU{'s' if cpus > 1 else ''}" for kernel, cpus in groups])
    # Most are 0, which a logarithm has no place for.
    axes.set_yscale("symlog")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(label)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def lines_of_waiters(axes, rows):
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        own = [row for row in rows if row["kernel"] == kernel]
        axes.plot([row["waiters"] for row in own], [row["instructions"] for row in own], "o-",
                  label=kernel)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("waiting descriptors")
    axes.set_ylabel("instructions, noticed to woken")
    axes.legend()


def lines_of_crowds(axes, rows):
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        own = [row for row in rows if row["kernel"] == kernel]
        for what in ("root", "latest"):
            axes.plot([row["count"] for row in own], [row[what] for row in own], "o-",
                      label=f"{kernel}: {what}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("entries that wait too")
    axes.set_ylabel("instructions")
    axes.legend()


def bars_of_latencies(axes, rows):
    names = [", ".join(filter(None, (row["what"], row["condition"], row["kernel"]))) for row in rows]
    # What never came has no bar.
    axes.barh(names, [row["instructions"] or 0 for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("instructions, clone's first to this")


def bars_of_packets(axes, rows):
    axes.barh([f"{row['who']}\n{row['kernel']}" for row in rows],
              [row["packets"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("of a clone's own, until that is over")


def bars_of_memory(axes, rows):
    kinds = ("pss", "locked")
    axes.barh([f"{kind}\n{row['kernel']}" for row in rows for kind in kinds],
              [row[kind] for row in rows for kind in kinds])
    axes.invert_yaxis()
    axes.set_xlabel("KiB")


def bars_of_pages(axes, rows):
    axes.barh([f"{row['who']}\n{row['kernel']}" for row in rows], [row["reaction"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("pages more than of a clone with the same ID")


def bars_of_ratios(axes, rows):
    axes.barh([" ".join(row[key] for key in ("user", "by", "work") if key in row) for row in rows],
              [row["to_openssl"] for row in rows])
    axes.invert_yaxis()
    axes.axvline(1, color=matplotlib.rcParams["axes.edgecolor"], linewidth=0.5)
    axes.set_xlabel("with the provider, to OpenSSL alone: how many in a second")


def bars_of_rules(axes, rows):
    names = [f"{row['machines']:,} machines, {row['memory_most_kib'] / 1024:.0f} MiB" for row in rows]
    for offset, what, label in ((-0.2, "rule_seconds", "one ID"), (0.2, "all_seconds", "all rules")):
        axes.barh([i + offset for i in range(len(rows))], [row[what] * 1000 for row in rows], 0.4,
                  label=label)
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xlabel("ms for an evaluation")
    axes.legend()


PANELS = {
    "host": ("A check, this machine", bars_of_costs),
    "guest": ("A check, emulated guest", bars_of_costs),
    "openssl": ("OpenSSL: requests of so many bytes, handshakes", bars_of_ratios),
    "openssl-guest": ("The same, emulated guest with the device", bars_of_ratios),
    "stale": ("Stale rounds after a resume",
              lambda axes, rows: bars_of_groups(axes, rows, "way", "rounds", "rounds (largest)")),
    "waiters": ("Wake-up from poll", lines_of_waiters),
    "crowd": ("Wake-up of root beside a crowd", lines_of_crowds),
    "latency": ("Answers to a change", bars_of_latencies),
    "wireguard": ("Packets with the original's session key", bars_of_packets),
    "memory": ("Memory, idle", bars_of_memory),
    "pages": ("Pages that a clone writes to for another ID", bars_of_pages),
    "fleet": ("Rules of Prometheus", bars_of_rules),
    "randomness": ("Random numbers in common",
                   lambda axes, rows: bars_of_groups(axes, rows, "way", "common",
                                                     "in common (largest pair)")),
}


def draw(found, target):
    heights = [max(PANEL_INCHES, ROW_INCHES * (len(rows) + 4)) for rows in found.values()]
    figure, panels = pyplot.subplots(len(found), 1, figsize=(8, sum(heights)), squeeze=False,
                                     height_ratios=heights)
    for axes, (part, rows) in zip(panels[:, 0], found.items(), strict=True):
        title, fill = PANELS[part]
        axes.set_title(title)
        fill(axes, rows)
    figure.tight_layout()
    figure.savefig(target, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    # As a file of the project, which the README's is.
    declaration, *rest = map(str.rstrip, target.read_text("utf-8").splitlines())
    target.write_text("\n".join((declaration, *LICENCE, *rest, "")), "utf-8")


def main(source, target):
    found = json.loads(pathlib.Path(source).read_text("ascii"))
    target = pathlib.Path(target)
    for suffix, style in STYLES.items():
        with pyplot.style.context([style, OWN]):
            draw(found, target.with_name(f"{target.stem}{suffix}{target.suffix}"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} JSON SVG")
    main(*sys.argv[1:])
