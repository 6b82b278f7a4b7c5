# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What vmgend would have on record of a controller's machine, for vmgenctl to tell."""

import hashlib
import json
import time
import uuid

from harness import installation


def hash_of(identity):
    application = b"vmgen generation ID hash v1\0"
    return hashlib.sha256(application + uuid.UUID(identity).bytes_le).hexdigest()


def run(identity, **members):
    """Of a change to this ID, at a boot in order and just now, if members do not say otherwise."""
    now = int(time.time() * 1_000_000)
    return {"id_hash": hash_of(identity), "event": "boot-changed", "generation": 2,
            "source": "vmgenid", "hint": "unknown", "intent": "", "intent_from": "", "name": "",
            "intent_unused": "", "detected_usec": now, "finished_usec": now + 1,
            "detected_boottime_usec": 0, "finished_boottime_usec": 0, "reseed_errno": 0,
            "seed_errno": 0, "incomplete": False, "shutdown": "clean", "counter": "",
            "skipped": False, "hooks": {}, **members}


def write(dc, *runs):
    """Of a machine that has been through these, the latest last."""
    path = installation.path(f"{dc.directory}/vmgen/history")
    path.write_text("".join(json.dumps(run) + "\n" for run in runs), "ascii")
    path.chmod(0o600)
