# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The invocationId in a copy of the database, read by a process of its own: others may write there,
so it can be damaged, locked for ever, or no file at all."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid

SECONDS = 10
UNREADABLE = "unreadable"


def read(path, dn):
    """As text; None: that controller is not in there, so it is no copy of ours; or UNREADABLE."""
    try:
        done = subprocess.run([sys.executable, "-IB", __file__, path, dn],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=SECONDS, check=False)
        word = done.stdout[:100].decode("ascii").strip()
        return None if word == "none" else str(uuid.UUID(bytes_le=bytes.fromhex(word)))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return UNREADABLE


def main(path, dn):
    with open(path, "rb") as f:
        kind = "tdb" if f.read(8) == b"TDB file" else "mdb"
    if kind == "tdb":
        print(look(f"tdb://{path}", dn))
        return
    # LMDB makes a lock file beside it, which would be ours and not named's.
    with tempfile.TemporaryDirectory() as directory:
        print(look(f"mdb://{shutil.copyfile(path, os.path.join(directory, 'copy'))}", dn))


def look(url, dn):
    import ldb
    # Without the modules of Samba, which would open the other partitions as well.
    db = ldb.Ldb(url, flags=ldb.FLG_RDONLY, options=["modules:"])
    try:
        found = db.search(base=dn, scope=ldb.SCOPE_BASE, attrs=["invocationId"])
    except ldb.LdbError as e:
        if e.args[0] != ldb.ERR_NO_SUCH_OBJECT:
            raise
        found = []
    return bytes(found[0]["invocationId"][0]).hex() if found else "none"


if __name__ == "__main__":
    main(*sys.argv[1:])
