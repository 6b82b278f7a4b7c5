# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""ACPICA's programs, acpiexec and iasl, run on the tables.

What they print is data: firmware's text is in it, and a line of it that looks like an answer need
not be one.
"""

import dataclasses
import secrets
import string

from acpi_check import answer, child
from acpi_check.answer import is_path
from acpi_check.child import Failure
from acpi_check.facts import Form, Value
from acpi_check.tables import HEADER

# acpiexec ends a loop in AML by itself.
LOOP_SECONDS = 1

# acpiexec sleeps for 10 ms after each.
TOGETHER = 100

# Memory and registers hold nothing here but what acpiexec fills them with. A value that changes
# with that is not known.
FILLS = (0x00, 0xa5)


@dataclasses.dataclass(frozen=True)
class Session:
    """What a process of acpiexec has printed: before the first command, and for each."""
    start: str
    answers: list
    wrong: str              # "": it ended as it should


def separator():
    """What no table can know, and is no command: what acpiexec says to it shows where an answer
    ends. It takes no time, as evaluating an object that is not there does."""
    return "X" + "".join(secrets.choice(string.ascii_uppercase) for _ in range(31))


class Interpreter:
    """tables: of Table. values: {path: integer}, what fields and names are said to hold."""

    def __init__(self, tables, values=None):
        self.tables = tables
        self.values = dict(values or {})
        self.scratch = child.Scratch()
        self.files = []
        self.acpiexec, self.iasl = child.find("acpiexec"), child.find("iasl")
        self._listing = None
        self._sources = None

    def __enter__(self):
        self.scratch.__enter__()
        try:
            for number, table in enumerate(t for t in self.tables if t.is_code()):
                # By this name, as iasl takes a backslash in TMPDIR for another sign.
                name = f"{number}.aml"
                self.scratch.write(name, table.repaired())
                self.files.append((name, table))
            lines = "".join(f"{path} {value:#x}\n" for path, value in self.values.items())
            self.scratch.write("values", lines.encode("ascii"))
        except Failure:
            self.scratch.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.scratch.__exit__()

    def _session(self, commands, fill=FILLS[0]):
        mark = separator()
        script = "".join(f"{mark}\n{command}\n" for command in commands) + "quit\n"
        # As the table has it: without -dr acpiexec would turn IDs into upper case, and more.
        arguments = [self.acpiexec, "-dr", "-dt", "-df", "-to", str(LOOP_SECONDS), "-fv", str(fill)]
        if self.values:
            arguments += ["-fi", "values"]
        text, wrong = self.scratch.run(arguments + [path for path, _ in self.files], script)
        start, *answers = text.split(f"\n{mark}: unknown command\n")
        missing = len(commands) - len(answers)
        if not wrong and missing:
            wrong = "acpiexec ended before it had done all"
        if not wrong and answer.BREAK in text:
            # It took the commands that follow for what to do there.
            wrong = "acpiexec stopped at a BreakPoint of the table"
        return Session(start, answers + [""] * missing, wrong)

    def run(self, commands, fill=FILLS[0]):
        """Returns: what acpiexec printed for each of the debugger's commands, "" for those that
        it did not get to."""
        return self._session(commands, fill).answers

    def listing(self):
        """Returns: the answer.Listing of what loading the tables came to."""
        if self._listing is None:
            session = self._session(["namespace"])
            if session.wrong:
                raise Failure(session.wrong)
            try:
                self._listing = answer.listing(session.start, session.answers[0])
            except answer.Unreadable as e:
                raise Failure(str(e)) from None
            if self._listing.unset:
                raise Failure(f"--set: {self._listing.unset[0]} is no field and no name of these "
                              "tables")
        return self._listing

    def namespace(self):
        """Returns: {path: kind}."""
        return {path: entry.kind for path, entry in self.listing().entries.items()}

    def table_of(self, path):
        """Returns: the Table that made the object; None: that cannot be told."""
        owners, waiting = {}, [table for _, table in self.files]
        waiting.sort(key=lambda table: table.signature != "DSDT")
        for signature, oem, number in self.listing().loaded:
            fits = [t for t in waiting if (t.signature, shown(t.oem_table_id())) ==
                    (signature, oem)]
            if fits:
                owners[number] = fits[0]
                del waiting[:waiting.index(fits[0]) + 1]
        return owners.get(self.listing().entries[path].owner)

    def unnamed(self):
        """Returns: the paths of devices that nobody can ask for."""
        return [path for path, kind in self.namespace().items()
                if kind == "Device" and not is_path(path)]

    def is_complete(self):
        """Whether a name that is missing here is missing in the machine."""
        return (any(table.signature == "DSDT" for _, table in self.files) and
                not any(table.wrong for table in self.tables))

    def evaluate(self, path, *arguments):
        """Returns: the Value. Arguments: integers."""
        return self.evaluate_all([path], arguments)[path]

    def evaluate_all(self, paths, arguments=()):
        """Returns: {path: Value}. They are evaluated one after the other, in one machine."""
        runs = [self._evaluate(paths, arguments, fill) for fill in FILLS]
        kinds = self.namespace()
        return {path: self._value(kinds.get(path), found)
                for path, *found in zip(paths, *runs)}

    def changing(self, paths):
        """Returns: the set of those that evaluate to something else the second time."""
        found = self._evaluate([path for path in paths for _ in range(2)], (), FILLS[0])
        return {path for path, first, second in zip(paths, found[::2], found[1::2])
                if not (first.lost or second.lost) and
                (first.result, first.error) != (second.result, second.error)}

    def _value(self, kind, runs):
        if kind is None:
            return Value()
        form = Form.METHOD if kind == "Method" else Form.NAME
        result, error = runs[0].result, runs[0].error
        lost = [run.error for run in runs if run.lost]
        if lost:
            return Value(form, None, lost[0], True)
        if any((run.result, run.error) != (result, error) for run in runs):
            return Value(form, result, "it depends on memory or registers that only the machine "
                         "has; --set can say what they hold", True)
        if runs[0].missing and not self.is_complete():
            return Value(form, result, f"it needs {runs[0].missing[0]}, which no table here has",
                         True)
        return Value(form, result, error)

    def _evaluate(self, paths, arguments, fill):
        """Returns: an answer.Evaluation for each path."""
        if not paths:
            return []
        if len(paths) > TOGETHER:
            return (self._evaluate(paths[:TOGETHER], arguments, fill) +
                    self._evaluate(paths[TOGETHER:], arguments, fill))
        # The debugger reads numbers as hexadecimal, and without 0x only digits in 20200925.
        words = "".join(f" {a:#x}" for a in arguments)
        try:
            session = self._session([f"evaluate {path}{words}" for path in paths], fill)
        except Failure as e:
            return [answer.Evaluation(error=str(e), lost=True) for _ in paths]
        if not session.wrong:
            return [answer.evaluation(path, text) for path, text in zip(paths, session.answers)]
        if len(paths) == 1:
            return [answer.Evaluation(error=session.wrong, lost=True)]
        # What it has printed may be lost, so which one is to blame is found by trying.
        half = len(paths) // 2
        return (self._evaluate(paths[:half], arguments, fill) +
                self._evaluate(paths[half:], arguments, fill))

    def disassemble(self):
        """Returns: {name of the table: ASL}, without those that iasl cannot disassemble."""
        if self._sources is not None:
            return self._sources
        found = {}
        for path, table in self.files:
            # One -e for each: a list of several is taken as the name of one file.
            others = [word for p, _ in self.files if p != path for word in ("-e", p)]
            # A name that two tables make ends it where it knows the other.
            text = (others and self._source(path, others)) or self._source(path, [])
            # Of a table without code iasl writes nothing.
            if text or len(table.data) == HEADER:
                found[table.name] = text
        self._sources = found
        return found

    def undisassembled(self):
        """Returns: the names of the tables that iasl cannot disassemble."""
        return [table.name for _, table in self.files if table.name not in self.disassemble()]

    def _source(self, path, options):
        """Returns: the ASL; "": iasl gave up, which may leave the beginning of it."""
        source = self.scratch.path / "source.dsl"
        self.scratch.run([self.iasl, "-p", source.stem, *options, "-d", path])
        try:
            text = source.read_text("ascii", "replace")
            source.unlink()
        except FileNotFoundError:
            return ""
        return text if text.rstrip().endswith("}") else ""


def shown(oem):
    """As acpiexec prints it."""
    return "".join(chr(c) if 0x20 <= c < 0x7f else "?" for c in oem.split(b"\0")[0]).ljust(8)
