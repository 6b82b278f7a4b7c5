# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Tables of manual pages, for tests that hold a page and what it tells of together."""

import pathlib
import re

SOURCE = pathlib.Path(__file__).parents[3]


def plain(cell):
    """Without scdoc's marks; what stands behind a backslash is none."""
    return re.sub(r"\\(.)|[*_]", lambda m: m.group(1) or "", " ".join(cell.split()))


def rows(page, first):
    """{first cell: the others} of a page's table whose first column has that heading."""
    text = (SOURCE / page).read_text(encoding="utf-8").split(f"[[ *{first}*\n", 1)[1]
    table = text.split("\n\n", 1)[0]
    cells = [[plain(cell) for cell in row.split("\n:")] for row in table.split("\n|")[1:]]
    return {row[0]: row[1:] for row in cells}

