# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What others have written, as it may be printed."""

# Of a name; of a message, which has some of them.
LENGTH = 200
MESSAGE = 1000


def printable(text, length=LENGTH):
    """Without what a terminal would obey, and no longer than a line of a report should be."""
    shown = "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in text[:length])
    return shown + ("..." if len(text) > length else "")


def quoted(text):
    return '"' + printable(text).replace('"', '\\"') + '"'
