# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What two installations have each its own and two clones have in common, and what is known of it.

    candidates = comparison.candidates(one, other, clones)
    comparison.unknown(candidates, comparison.inventory(), comparison.reasons())

Systems are {path: digest}; a path may also be "command: LINE", for what no file tells.
"""

import dataclasses
import fnmatch
import pathlib
import re

TOP = pathlib.Path(__file__).parents[3]
INVENTORY = TOP / "daemon/identity/inventory"
# A pattern, in which "*" also takes slashes, a tab, and why that is no identity.
REASONS = pathlib.Path(__file__).parent / "differences"


@dataclasses.dataclass(frozen=True)
class Identity:
    name: str
    where: str
    harm: str
    renewal: str
    source: str

    @property
    def command(self):
        return self.where.partition("command: ")[2]

    @property
    def hook(self):
        found = re.match("hook ([0-9a-z-]+)", self.renewal, re.IGNORECASE)
        return found and found.group(1)

    def found_in(self, release):
        """Whether the finder finds it there, as its source says."""
        return release in re.findall(r"\d+", self.source) and self.source.startswith("found in ")

    def has(self, path):
        """As vmgenctl looks for it, or by the command that shows it."""
        where = self.where.partition("command: ")[0]
        return path == f"command: {self.command}" or any(
            re.fullmatch(fnmatch.translate(word).replace(".*", "[^/]*"), path)
            for word in where.split())


def rows(path):
    """The fields of each line."""
    return [line.split("\t") for line in path.read_text("ascii").splitlines()
            if line and line[0] != "#"]


def inventory():
    return [Identity(*fields) for fields in rows(INVENTORY)]


def reasons():
    """{pattern: why what differs there is no identity}"""
    return dict(rows(REASONS))


def candidates(one, other, clones):
    """The paths of what one installation does not share with the other, but its clones with each
    other."""
    return sorted(path for path in clones[0].keys() & clones[1].keys()
                  if path in one and one[path] != other.get(path) and
                  clones[0][path] == clones[1][path])


def unknown(found, identities, why):
    """Those of which nothing is written."""
    return [path for path in found if not any(identity.has(path) for identity in identities) and
            not any(fnmatch.fnmatchcase(path, pattern) for pattern in why)]
