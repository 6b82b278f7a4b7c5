# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the OpenSSL provider costs: random bytes and TLS handshakes, with and without it, in turns;
on this machine, and in a guest that has the device, as root and as nobody, who has to ask the
kernel at each request."""

import statistics
import subprocess

from harness.figures import directory, programs, ratio
from harness.machine import build_directory
from harness.scenario import boot, new_guid, seed

WORKS = {"16": "requests of 16 bytes", "8192": "requests of 8 KiB",
         "65536": "requests of 64 KiB", "handshake": "TLS 1.3 handshakes, P-256"}
MILLISECONDS = 20
# Where time counts instructions no sample differs from another, and a handshake takes longer.
COUNTED_MILLISECONDS, COUNTED_SAMPLES = 200, 3
USERS = {"root": "", "nobody": "nobody"}


def rows(text, **more):
    found = {}
    for line in text.splitlines():
        work, side, *samples = line.split()
        found[work, side] = [float(sample) for sample in samples]
    return [{"work": work, **more, "to_openssl": ratio(found[work, "with"], found[work, "without"]),
             **{side: statistics.median(found[work, side]) for side in ("without", "with")}}
            for work in WORKS]


def measure(options):
    return rows(subprocess.run([directory() / "tls", build_directory(), str(options.samples),
                                str(MILLISECONDS)],
                               check=True, capture_output=True, text=True).stdout)


def run_in_guest(options, icount):
    milliseconds = COUNTED_MILLISECONDS if icount else MILLISECONDS
    samples = COUNTED_SAMPLES if icount else min(options.samples, 50)
    found = []
    # A processor with AES, as all real ones: without it nothing else would be seen.
    with boot(options.kernels[0], [*programs("tls"), "vmgen.so"], sanitized=False, guid=new_guid(),
              cpu="max", icount=icount) as g:
        seed(g)
        if icount:
            # The kernel tests its own code for a while after it has booted.
            g.run("sleep 60", timeout=120)
        for user, word in USERS.items():
            text = g.run(f"tls /bin {samples} {milliseconds} {word}", timeout=600)
            found += rows(text, user=user, by="instructions" if icount else "time")
    return found


def measure_in_guest(options):
    return run_in_guest(options, icount=True) + run_in_guest(options, icount=False)


COLUMNS = (
    ("", 31, lambda row: WORKS[row["work"]]),
    ("  OpenSSL alone", 17, lambda row: f"{row['without']:13.0f}/s"),
    ("  with provider", 17, lambda row: f"{row['with']:13.0f}/s"),
    ("  ratio", 0, lambda row: f"{row['to_openssl']:7.3f}"),
)
GUEST_COLUMNS = (
    ("", 8, lambda row: row["user"]),
    ("", 14, lambda row: row["by"]),
    *COLUMNS,
)
