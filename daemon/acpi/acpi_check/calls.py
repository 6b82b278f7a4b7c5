# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What methods do, as far as their code says: whom they call, notify and change."""

import re

from acpi_check import asl

# Methods that one may lead to. The largest firmware that was seen has 6000, in all tables.
METHODS = 10000

# A word that names an object is a call where that is a method, unless it is only asked for.
ASKS = ("CondRefOf", "RefOf", "ObjectType", "SizeOf")
ASSIGNS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "++", "--")
WORDS = {"Zero": 0, "One": 1}


def number(tokens):
    """Returns: the integer that the expression is, or None."""
    if len(tokens) != 1:
        return None
    if re.fullmatch(r"0x[0-9A-Fa-f]{1,16}|[0-9]{1,20}", tokens[0]):
        return int(tokens[0], 16 if tokens[0].startswith("0x") else 10)
    return WORDS.get(tokens[0])


class Calls:
    def __init__(self, program):
        self.program = program
        self.called = {}
        self.notified = {}

    def calls(self, path):
        """Returns: the methods that this one calls by their name, each once."""
        if path not in self.called:
            found = {}
            code = self.program.methods[path].code
            for before, bracket, name in zip([""] + code, ["", ""] + code, code):
                if bracket in ASKS and before == "(":
                    continue
                target = self.named(path, name)
                if target in self.program.methods:
                    found[target] = None
            self.called[path] = tuple(found)
        return self.called[path]

    def named(self, path, token):
        """Returns: the path of the object that a token in the method's code names, or None."""
        if not (token[0] in "\\^_" or token[0].isupper()):
            return None
        return self.program.resolve(path, token)

    def reached(self, path):
        """Returns: this method and all that it leads to."""
        found, waiting = {path: None}, [path]
        while waiting and len(found) < METHODS:
            for target in self.calls(waiting.pop()):
                if target not in found:
                    found[target] = None
                    waiting.append(target)
        return tuple(found)

    def notifies(self, path):
        """Returns: of each Notify in the method itself, the path, "" where it is known only when
        that runs, and the value, or None."""
        if path not in self.notified:
            found, code = {}, self.program.methods[path].code
            for at, token in enumerate(code):
                if token == "Notify" and code[at + 1:at + 2] == ["("]:
                    args, _ = asl.arguments(code, at + 1)
                    value = number(args[1]) if len(args) > 1 else None
                    found[self.target(path, args[0]), value] = None
            self.notified[path] = tuple(found)
        return self.notified[path]

    def target(self, path, tokens):
        if len(tokens) != 1 or asl.split(tokens[0]) is None or \
                re.fullmatch(r"(?:Local|Arg)[0-7]", tokens[0]):
            return ""
        found = self.program.resolve(path, tokens[0])
        if found is None:
            return asl.place(asl.parent(path), tokens[0]) or ""
        return found if self.program.objects[found] != "Method" else ""

    def uses(self, path):
        """Returns: of each object that the method's code names, the path, and whether it is
        changed there."""
        code = self.program.methods[path].code
        for at, token in enumerate(code):
            target = self.named(path, token)
            if target is not None:
                yield target, assigned(code, at + 1)


def assigned(code, at):
    """NAME = 1, NAME++, NAME [Zero] = 1."""
    depth = 0
    for token in code[at:at + asl.ARGUMENTS]:
        if token == "[":
            depth += 1
        elif token == "]":
            depth -= 1
        elif depth == 0:
            return token in ASSIGNS
    return False
