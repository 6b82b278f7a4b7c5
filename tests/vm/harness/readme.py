# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The code blocks of the README and of manual pages, for tests that do what those say."""

import pathlib
import re

TOP = pathlib.Path(__file__).parents[3]
# Where the README's ways to install go on, and where others are.
INSTALL = "packaging/vmgen-install.7.scd"


def blocks(name, heading):
    """The text of each code block of a section: of Markdown ("## Hooks") or scdoc ("# NOTES")."""
    text = (TOP / name).read_text(encoding="utf-8")
    level = len(heading.split(" ", 1)[0])
    section = re.search(rf"(?ms)^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} [A-Z]|\Z)", text)
    if not section:
        raise ValueError(f"{name} has no section {heading}")
    return re.findall(r"(?ms)^```\w*\n(.*?)^```$", section.group(1))


def way(name):
    """The blocks of a way to install: those of the README, if it has that way, then the manual's."""
    headings = (("README.md", f"### {name}"), (INSTALL, f"# {name.upper()}"))
    found = [blocks(page, heading) for page, heading in headings
             if f"\n{heading}\n" in (TOP / page).read_text(encoding="utf-8")]
    if not found:
        raise ValueError(f"neither the README nor {INSTALL} has {name}")
    return sum(found, [])
