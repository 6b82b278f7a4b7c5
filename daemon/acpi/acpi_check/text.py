# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What others have written, as it may be printed."""

LENGTH = 200


def printable(text):
    """Without what a terminal would obey, and no longer than a line of a report should be."""
    shown = "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in text[:LENGTH])
    return shown + ("..." if len(text) > LENGTH else "")


def quoted(text):
    return '"' + printable(text).replace('"', '\\"') + '"'
