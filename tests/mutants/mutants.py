# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Reads the lists of mutants: a file for each component, with a paragraph of "key: value" for each.

  name      of the mutant
  file      that is broken
  after     text that stands once in the file; what is broken comes after it. Without one:
  old       text that stands once in the file, on one line
  new       what takes its place; may be empty
  tests     those that should notice, the quickest first, by the names of their logs
  survives  why nobody can notice
"""

import dataclasses
import pathlib
import re

KEYS = {"name", "file", "after", "old", "new", "tests", "survives"}
NEEDED = {"name", "file", "old", "new", "tests"}
LISTS = pathlib.Path(__file__).parent / "lists"


class ListError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Test:
    """By the name that tests/runner/single.py has for it: asan/t-ctl, 6.12/silent, scripts/t-ntp."""

    name: str

    def file(self):
        first, _, rest = self.name.partition("/")
        if first == "scripts":
            return f"tests/{rest}.sh"
        if first in ("asan", "tsan"):
            place = "tests" if "/" in rest else "tests/unit"
            return f"build/{first}/{place}/{rest}.t"
        return f"build/check/{self.name}.t"

    def needs(self):
        """What make has to build before it runs."""
        first, _, rest = self.name.partition("/")
        if first == "scripts":
            text = (LISTS.parents[2] / self.file()).read_text("utf-8")
            return ["all"] if "O:-build" in text else []
        if first in ("asan", "tsan"):
            return [self.file()]
        if rest.startswith("samba-"):
            return ["all", self.file()]
        return ["mutants-guest", f"module-{first}", self.file()]


@dataclasses.dataclass
class Mutant:
    name: str
    file: str
    old: str
    new: str
    tests: tuple
    after: str = ""
    survives: str = ""

    def apply(self, text):
        """Returns the text of the file with the fault in it."""
        begin = 0
        if self.after:
            if text.count(self.after) != 1:
                raise ListError(f"{self.name}: \"{self.after}\" stands {text.count(self.after)} "
                                f"times in {self.file}, and not once")
            begin = text.index(self.after) + len(self.after)
        elif text.count(self.old) != 1:
            raise ListError(f"{self.name}: \"{self.old}\" stands {text.count(self.old)} times in "
                            f"{self.file}, and not once")
        place = text.find(self.old, begin)
        if place < 0:
            raise ListError(f"{self.name}: \"{self.old}\" does not stand after \"{self.after}\" "
                            f"in {self.file}")
        return text[:place] + self.new + text[place + len(self.old):]


def parse(paragraph, where):
    values = {}
    for line in paragraph.splitlines():
        match = re.fullmatch(r"([a-z]+):(?: (.*))?", line)
        if not match or match.group(1) not in KEYS or match.group(1) in values:
            raise ListError(f"{where}: this line is none of a mutant, or there twice: {line}")
        values[match.group(1)] = match.group(2) or ""
    if missing := NEEDED - set(values):
        raise ListError(f"{where}: {values.get('name', paragraph)}: without {', '.join(sorted(missing))}")
    values["tests"] = tuple(Test(name) for name in values["tests"].split())
    if not values["tests"] or not values["old"] or values["old"] == values["new"]:
        raise ListError(f"{where}: {values['name']}: it breaks nothing, or has no test")
    return Mutant(**values)


def read(top):
    """All mutants, those of one test together; each can be made in the tree as it is."""
    mutants = {}
    for file in sorted(LISTS.iterdir()):
        text = re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE)
        for paragraph in filter(None, re.split(r"\n{2,}", text.strip("\n"))):
            mutant = parse(paragraph, file.name)
            if mutant.name in mutants:
                raise ListError(f"{file.name}: {mutant.name} is there twice")
            try:
                mutant.apply((top / mutant.file).read_text("utf-8"))
            except OSError as e:
                raise ListError(f"{mutant.name}: {e}") from e
            mutants[mutant.name] = mutant
    first = list(dict.fromkeys(mutant.tests[0] for mutant in mutants.values()))
    return sorted(mutants.values(), key=lambda mutant: first.index(mutant.tests[0]))


def choose(mutants, names):
    known = {mutant.name for mutant in mutants}
    if unknown := set(names) - known:
        raise ListError(f"there is no mutant {', '.join(sorted(unknown))}: --list prints all")
    return [mutant for mutant in mutants if not names or mutant.name in names]
