# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What it costs to ask whether something changed, by each way, while nothing does: on this machine,
where the times are real, and in a guest, where all devices are but only ratios count."""

import re
import statistics
import subprocess

from harness.figures import NS_PER_INSTRUCTION, directory, programs, ratio
from harness.machine import scratch
from harness.scenario import boot, new_guid, seed

WAYS = {
    "empty": "nothing (the loop itself)",
    "load": "bare load",
    "u32": "u32 check, exported function",
    "awslc": "u32 check with AWS-LC's steps",
    "changed": "vmgen_changed, counter page",
    "changed_raw": "vmgen_changed, and raw page",
    "guard": "vmgen_guard_run, both",
    "changed_now": "vmgen_changed_now",
    "read": "read without waiting",
    "getrandom": "getrandom",
    "vmgen_getrandom": "vmgen_getrandom, both",
}
CALLS = 20000
# Few enough to fall between two ticks.
COUNTED_CALLS, COUNTED_SAMPLES = 2000, 10
# As in check.c: one call of these for so many of the others.
SLOW = 100
SLOW_WAYS = ("changed_now", "read", "getrandom", "vmgen_getrandom")


def parse(text):
    """{(way, mode): nanoseconds of each sample} of what the program prints."""
    lines = [line.split() for line in text.splitlines()]
    return {(way, mode): [float(ns) for ns in samples] for way, mode, *samples in lines}


def summary(samples, found, mode):
    low, middle, high = statistics.quantiles(samples, n=4)
    return {"median": middle, "low": low, "high": high, "least": min(samples),
            "to_load": ratio(samples, found["load", mode]),
            "to_u32": ratio(samples, found["u32", mode])}


def rows(found, instructions):
    return [{"way": way, "loop": summary(found[way, "loop"], found, "loop"),
             "alone": summary(found[way, "alone"], found, "alone"),
             "instructions": instructions[way]} for way in WAYS if (way, "loop") in found]


def count_here():
    """{way: instructions} of one call in user space, by callgrind."""
    profile = scratch() / "callgrind"
    subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={profile}",
                    directory() / "check", "1", str(CALLS)], check=True, capture_output=True)
    text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", profile],
                          check=True, capture_output=True, text=True).stdout
    total = {way: int(count.replace(",", "")) for count, way in
             re.findall(r"(?m)^\s*([\d,]+)\s.*:loop_(\w+)", text)}
    per_call = {way: count / (CALLS / SLOW if way in SLOW_WAYS else CALLS)
                for way, count in total.items()}
    return {way: round(count - per_call["empty"]) for way, count in per_call.items()}


def count_in_guest(found):
    """The same by the clock of a guest that counts them, those of the kernel too.

    The least is the one without a tick of the timer in it.
    """
    each = {way: min(samples) / NS_PER_INSTRUCTION
            for (way, mode), samples in found.items() if mode == "loop"}
    return {way: round(count - each["empty"]) for way, count in each.items()}


def measure_here(options):
    text = subprocess.run([directory() / "check", str(options.samples), str(CALLS)], check=True,
                          capture_output=True, text=True).stdout
    return rows(parse(text), count_here())


def run_in_guest(options, samples, calls, icount):
    with boot(options.kernels[0], programs("check"), sanitized=False, guid=new_guid(),
              icount=icount) as g:
        seed(g)
        return parse(g.run(f"check {samples} {calls} device", timeout=300))


def measure_in_guest(options):
    counted = run_in_guest(options, COUNTED_SAMPLES, COUNTED_CALLS, icount=True)
    return rows(run_in_guest(options, min(options.samples, 50), CALLS, icount=False),
                count_in_guest(counted))


def time(ns):
    return f"{ns['median']:8.2f} ({ns['low']:.2f} to {ns['high']:.2f})"


def ratios(ns):
    return f"{ns['to_load']:7.1f} {ns['to_u32']:6.2f}"


COLUMNS = (
    ("", 31, lambda row: WAYS[row["way"]]),
    ("instructions", 14, lambda row: f"{row['instructions']:12}"),
    ("  loop: ns (quartiles)", 28, lambda row: time(row["loop"])),
    ("  /load   /u32", 17, lambda row: ratios(row["loop"])),
    (" alone: ns (quartiles)", 28, lambda row: time(row["alone"])),
    ("  /load   /u32", 0, lambda row: ratios(row["alone"])),
)
