# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Reads ASL as iasl writes it when it disassembles: which objects there are, and the code of
the methods. It is made of firmware's bytes, so nothing in it has to be balanced or to end.
"""

import dataclasses
import re

# A table of 1 MiB is 8 MiB of text; the largest that was seen has 4 MiB.
TEXT = 16 << 20
# Arguments of what makes an object; a package as such a one is not read as a whole.
ARGUMENTS = 32
# Tokens of a field. A DSDT that was seen has 1500 units in one, of three each.
UNITS = 60000
# Names below names; machines have about ten.
DEPTH = 64
# Aliases of aliases; ACPI has no use for one.
ALIASES = 8

# None of these can be matched in two ways, so none takes more time than its text is long. A text
# ends with its line, where a quotation mark is missing.
TOKEN = re.compile(r"""
    (?P<text>"[^"\\\n]*(?:\\.[^"\\\n]*)*"?)
  | (?P<comment>/\*|//)
  | (?P<number>[0-9][0-9A-Fa-fx]*)
  | (?P<name>(?:\\|\^+)?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Z_][A-Z0-9_]*)*|\\|\^+)
  | (?P<sign>[-+*/%&|<>=!~]+|[(){}\[\],])
  | (?P<other>[^\s])
""", re.VERBOSE)
SPACE = re.compile(r"\s+")
PATH = re.compile(r"(\\|\^*)([A-Z_][A-Z0-9_]{0,3}(?:\.[A-Z_][A-Z0-9_]{0,3})*|)")

# What makes an object: which of the arguments names it.
MAKES = {"Name": 0, "Device": 0, "Method": 0, "Processor": 0, "PowerResource": 0,
         "ThermalZone": 0, "OperationRegion": 0, "DataTableRegion": 0, "Mutex": 0, "Event": 0,
         "Alias": 1, "CreateField": 3, "CreateBitField": 2, "CreateByteField": 2,
         "CreateWordField": 2, "CreateDWordField": 2, "CreateQWordField": 2}
# What the braces after it belong to.
SCOPES = ("Scope", "Device", "Method", "Processor", "PowerResource", "ThermalZone")
FIELDS = ("Field", "BankField", "IndexField")
# ACPI 6.5, 5.3: what the root has without any table.
ROOT = ("_GPE", "_PR", "_SB", "_SI", "_TZ", "_GL", "_OS", "_OSI", "_REV")


@dataclasses.dataclass
class Method:
    path: str
    serialized: bool
    code: list              # of tokens


@dataclasses.dataclass(frozen=True)
class Unit:
    """Of a field."""
    field: str              # "Field", "BankField", "IndexField"
    scope: str              # where it is made
    region: str             # as it is named there; of an IndexField the unit for the index
    locked: bool            # access takes the global lock


class Program:
    """All tables together. A path is as the interpreter's: "\\\\_SB.VGEN"."""

    def __init__(self):
        # {path: "Device"}, with "Unit" for what a field has.
        self.objects = {"\\": "Scope", **{f"\\{name}": "Scope" for name in ROOT}}
        self.methods = {}       # {path: Method}
        self.units = {}         # {path: Unit}
        self.regions = {}       # {path: "SystemMemory"}
        self.aliases = {}       # {path: path}
        self.below = {}         # {path of a method: [path]}, once it is asked for

    def resolve(self, scope, name):
        """ACPI 6.5, 5.3: a lone segment is looked for in all scopes above too.

        Returns: the path of the object, or None where there is none of that name.
        """
        parts = split(name)
        if parts is None:
            return None
        prefix, segments = parts
        scope = rise(scope, prefix)
        while scope is not None:
            path = self.follow(join(scope, segments))
            if path in self.objects:
                return path
            if prefix or len(segments) != 1 or scope == "\\":
                return None
            scope = parent(scope)
        return None

    def inside(self, method):
        """Returns: the objects that the method makes when it runs."""
        if not self.below:
            for path in self.objects:
                self.below.setdefault(parent(path), []).append(path)
        return self.below.get(method, [])

    def space(self, path):
        """Returns: what the unit lies in, "SystemMemory"; "": that cannot be told."""
        for _ in range(ALIASES):
            unit = self.units.get(path)
            if unit is None:
                break
            path = self.resolve(unit.scope, unit.region)
        return self.regions.get(path, "")

    def follow(self, path):
        for _ in range(ALIASES):
            if path not in self.aliases:
                break
            path = self.aliases[path]
        return path


def split(name):
    """Returns: what begins the name, and its segments; None: it is no name of an object."""
    match = PATH.fullmatch(name)
    if match is None or not name:
        return None
    segments = match.group(2).split(".") if match.group(2) else []
    if len(segments) + len(match.group(1)) > DEPTH:
        return None
    return match.group(1), [segment.rstrip("_") or "_" for segment in segments]


def rise(scope, prefix):
    """Returns: the scope that a name with this prefix begins at; None: above the root."""
    if prefix == "\\":
        return "\\"
    for _ in prefix:
        if scope == "\\":
            return None
        scope = parent(scope)
    return scope


def parent(path):
    return path.rpartition(".")[0] or "\\"


def join(scope, segments):
    if not segments:
        return scope
    return (scope if scope == "\\" else scope + ".") + ".".join(segments)


def place(scope, name):
    """Returns: the path of an object that is made there by this name, or None."""
    parts = split(name)
    if parts is None:
        return None
    above = rise(scope, parts[0])
    if above is None or above.count(".") + len(parts[1]) > DEPTH:
        return None
    return join(above, parts[1])


def tokenize(text):
    tokens, at = [], 0
    while at < len(text):
        match = SPACE.match(text, at)
        if match is not None:
            at = match.end()
            continue
        match = TOKEN.match(text, at)
        if match.lastgroup == "comment":
            at = after_comment(text, at)
            continue
        if match.lastgroup != "other":
            tokens.append(match.group())
        at = match.end()
    return tokens


def after_comment(text, at):
    end = "*/" if text.startswith("/*", at) else "\n"
    found = text.find(end, at + 2)
    return len(text) if found < 0 else found + len(end)


def body(text):
    """What is in the braces of DefinitionBlock. Names in its head are as firmware has them, with
    quotation marks too, and so are those in the comment before."""
    start = text.find("\nDefinitionBlock (")
    start = text.find("\n{\n", start) if start >= 0 else -1
    return "" if start < 0 else text[start + 3:]


def arguments(tokens, at):
    """Returns: the arguments from the parenthesis on, each a list of tokens, and where it
    closes."""
    found, depth = [[]], 0
    for token in tokens[at:at + ARGUMENTS]:
        if token in ("(", "{", "["):
            depth += 1
        elif token in (")", "}", "]"):
            depth -= 1
        if depth == 0:
            break
        if token == "," and depth == 1:
            found.append([])
        elif not (token == "(" and depth == 1):
            found[-1].append(token)
        at += 1
    return found, at


def word(args, number):
    """The argument, if it is there and is one word."""
    return args[number][0] if number < len(args) and len(args[number]) == 1 else ""


class Reader:
    """Reads one table into the program."""

    def __init__(self, program, tokens):
        self.program = program
        self.tokens = tokens
        # Of (path, the method that begins with this brace, where its code begins).
        self.above = [("\\", None, 0)]
        # {where it is: what the brace there belongs to}
        self.next = {}

    def read(self):
        following = self.tokens[1:] + [""]
        for at, token in enumerate(self.tokens):
            if token == "{":
                path, method = self.next.pop(at, None) or (self.above[-1][0], None)
                self.above.append((path, method, at + 1))
            elif token == "}":
                self.close(at)
            elif following[at] == "(":
                self.call(self.above[-1][0], token, at + 1)
        while len(self.above) > 1:
            self.close(len(self.tokens))

    def close(self, at):
        if len(self.above) == 1:
            return
        _, method, start = self.above.pop()
        if method is not None:
            method.code = self.tokens[start:at]

    def call(self, scope, token, at):
        if token in MAKES and (MAKES[token] or self.tokens[at + 2:at + 3] in ([","], [")"])):
            self.make(scope, token, *arguments(self.tokens, at))
        elif token == "Scope":
            args, end = arguments(self.tokens, at)
            name = word(args, 0)
            path = self.program.resolve(scope, name) or place(scope, name) or scope
            self.next[end + 1] = (path, None)
        elif token in FIELDS:
            self.field(scope, token, *arguments(self.tokens, at))

    def make(self, scope, token, args, end):
        path = place(scope, word(args, MAKES[token]))
        if path is None:
            return
        program, method = self.program, None
        program.objects.setdefault(path, token)
        if token == "OperationRegion":
            program.regions.setdefault(path, word(args, 1))
        elif token == "Alias":
            program.aliases.setdefault(path, program.resolve(scope, word(args, 0)) or path)
        elif token == "Method" and not any(method for _, method, _ in self.above[-DEPTH:]):
            # What one method has inside is read as part of it.
            method = Method(path, word(args, 2) == "Serialized", [])
            program.methods.setdefault(path, method)
        if token in SCOPES:
            self.next[end + 1] = (path, method)

    def units(self, start):
        """Returns: the tokens from this brace on to the next."""
        for end in range(start + 1, min(start + UNITS, len(self.tokens))):
            if self.tokens[end] in ("{", "}"):
                return self.tokens[start:end]
        return []

    def field(self, scope, token, args, end):
        """Field (REGION, ...) { NAME, 8, Offset (4), , 2, NAME, 3 }"""
        unit = Unit(token, scope, word(args, 0), ["Lock"] in args)
        units = self.units(end + 1)
        for before, name, comma in zip(units, units[1:], units[2:]):
            path = place(scope, name) if before in ("{", ",") and comma == "," else None
            if path is not None and self.program.objects.setdefault(path, "Unit") == "Unit":
                self.program.units.setdefault(path, unit)


def read(texts):
    """texts: of a table each. Returns: the Program, and which of them are too long to read."""
    program, long = Program(), []
    for number, text in enumerate(texts):
        if len(text) > TEXT:
            long.append(number)
            continue
        Reader(program, tokenize(body(text))).read()
    return program, long
