# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What the OpenSSL provider costs on this machine: random bytes and TLS handshakes, with and without
it, in turns."""

import statistics
import subprocess

from harness.figures import directory, ratio
from harness.machine import build_directory

WORKS = {"16": "requests of 16 bytes", "8192": "requests of 8 KiB",
         "handshake": "TLS 1.3 handshakes, P-256"}
MILLISECONDS = 20


def measure(options):
    program = directory() / "tls"
    text = subprocess.run([program, build_directory(), str(options.samples), str(MILLISECONDS)],
                          check=True, capture_output=True, text=True).stdout
    found = {}
    for line in text.splitlines():
        work, side, *samples = line.split()
        found[work, side] = [float(sample) for sample in samples]
    return [{"work": work, "to_openssl": ratio(found[work, "with"], found[work, "without"]),
             **{side: statistics.median(found[work, side]) for side in ("without", "with")}}
            for work in WORKS]


COLUMNS = (
    ("", 31, lambda row: WORKS[row["work"]]),
    ("  OpenSSL alone", 17, lambda row: f"{row['without']:13.0f}/s"),
    ("  with provider", 17, lambda row: f"{row['with']:13.0f}/s"),
    ("  ratio", 0, lambda row: f"{row['to_openssl']:7.3f}"),
)
