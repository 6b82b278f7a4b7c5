# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What nobody but root can have changed, as daemon/base/trust.c has it: what is loaded or run from
where an administrator has said does what root can."""

import os
import stat

from samba_ad.ends import Failure


def require(path):
    """A file or directory, what it is a link to, and all directories above."""
    real = os.path.realpath(path)
    while True:
        require_one(real)
        if real == "/":
            return
        real = os.path.dirname(real)


def require_one(path):
    st = os.stat(path)
    if st.st_uid:
        raise Failure(f"{path} belongs to user {st.st_uid}, not to root: chown root:root {path}")
    # In a sticky directory nobody can replace what is root's.
    if st.st_mode & 0o022 and not st.st_mode & stat.S_ISVTX:
        raise Failure(f"{path} can be written by others than root: chmod go-w {path}")


def require_tree(path):
    """And all below."""
    require(path)
    for directory, directories, files in os.walk(path):
        for name in directories + files:
            if os.path.exists(os.path.join(directory, name)):
                require_one(os.path.join(directory, name))
