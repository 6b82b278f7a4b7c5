# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""ACPICA's programs, acpiexec and iasl, run on tables that nobody trusts.

What they read and write lies in a scratch directory of their own; they have no environment,
little time, memory and disk. What they print is data: firmware's text is in it, and a line of it
that looks like an answer need not be one.
"""

import dataclasses
import os
import pathlib
import re
import resource
import secrets
import select
import shutil
import signal
import string
import subprocess
import tempfile
import time

from acpi_check import answer
from acpi_check.facts import Form, Value

# A child; all children together. A loop in AML is ended by acpiexec itself, long before.
CHILD_SECONDS = 10
SECONDS = 60
LOOP_SECONDS = 2
MEMORY = 1 << 30
OUTPUT = 32 << 20

# Memory and registers hold nothing here but what acpiexec fills them with. A value that changes
# with that is not known.
FILLS = (0x00, 0xa5)

SEGMENT = re.compile(r"[A-Z_][A-Z0-9_]{3}")


class Failure(Exception):
    """The interpreter could not do what it was asked; the text says why."""


class Missing(Failure):
    """A program is not installed."""


@dataclasses.dataclass(frozen=True)
class Session:
    """What a process of acpiexec has printed: before the first command, and for each."""
    start: str
    answers: list
    wrong: str              # "": it ended as it should


def is_path(path):
    """Whether a command may name it: what is in a table can be any bytes."""
    return path.startswith("\\") and all(SEGMENT.fullmatch(s.ljust(4, "_"))
                                         for s in path[1:].split("."))


def find(name):
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not installed: install the package acpica-tools")
    return os.path.abspath(path)


def confine():
    """Runs in the child, between fork and exec."""
    for limit, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CHILD_SECONDS),
                         (resource.RLIMIT_FSIZE, OUTPUT), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(limit, (value, value))


def wait(child, seconds):
    """As child.wait(), which sleeps in steps that are longer than acpiexec takes."""
    fd = os.pidfd_open(child.pid)
    try:
        select.select([fd], [], [], seconds)
    finally:
        os.close(fd)


def separator():
    """A name that no table can know, so that what is printed for it marks where an answer ends."""
    return "\\" + ".".join("X" + "".join(secrets.choice(string.ascii_uppercase) for _ in range(3))
                           for _ in range(8))


class Interpreter:
    """tables: of Table. values: {path: integer}, what fields and names are said to hold."""

    def __init__(self, tables, values=None):
        self.tables = tables
        self.values = dict(values or {})
        self.scratch = None
        self.files = []
        self.acpiexec = find("acpiexec")
        self.iasl = find("iasl")
        self.end = time.monotonic() + SECONDS
        self._listing = None

    def __enter__(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="vmgen-acpi-check."))
        try:
            self._write()
        except OSError as e:
            self.__exit__()
            raise Failure(f"cannot write into {self.scratch}: {e.strerror}") from e
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _write(self):
        for number, table in enumerate(t for t in self.tables if t.is_code()):
            path = self.scratch / f"{number}.aml"
            path.write_bytes(table.repaired())
            self.files.append((path, table))
        lines = [f"{path} {value:#x}\n" for path, value in sorted(self.values.items())]
        (self.scratch / "values").write_text("".join(lines), encoding="ascii")

    def _child(self, arguments, text=""):
        """Returns: what it printed, and what is wrong with its end, in words."""
        seconds = min(CHILD_SECONDS, self.end - time.monotonic())
        name = os.path.basename(arguments[0])
        if seconds <= 0:
            raise Failure(f"the tables keep {name} busy for more than {SECONDS} seconds")
        with tempfile.TemporaryFile(dir=self.scratch) as said, \
                tempfile.TemporaryFile(dir=self.scratch) as asked:
            asked.write(text.encode("ascii"))
            asked.seek(0)
            try:
                child = subprocess.Popen(arguments, stdin=asked, stdout=said,
                                         stderr=subprocess.DEVNULL, env={}, cwd=self.scratch,
                                         start_new_session=True, preexec_fn=confine)
            except (OSError, subprocess.SubprocessError) as e:
                raise Failure(f"cannot run {name}: {e}") from e
            try:
                wait(child, seconds)
                wrong = (ended(name, child.returncode) if child.poll() is not None else
                         f"{name} did not end within {CHILD_SECONDS} seconds")
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
            said.seek(0)
            return said.read(OUTPUT).decode("ascii", "replace"), wrong

    def _session(self, commands, fill=FILLS[0]):
        mark = separator()
        script = "".join(f"evaluate {mark}\n{command}\n" for command in commands) + "quit\n"
        # As the table has it: without -dr acpiexec would turn IDs into upper case, and more.
        arguments = [self.acpiexec, "-dr", "-dt", "-to", str(LOOP_SECONDS), "-fv", str(fill)]
        if self.values:
            arguments += ["-fi", str(self.scratch / "values")]
        text, wrong = self._child(arguments + [str(path) for path, _ in self.files], script)
        start, *answers = text.split(f"Evaluation of {mark} failed with status AE_NOT_FOUND\n")
        return Session(start, answers + [""] * (len(commands) - len(answers)), wrong)

    def run(self, commands, fill=FILLS[0]):
        """Returns: what acpiexec printed for each of the debugger's commands, "" for those that
        it did not get to. Threads of AML's Notify print into the text of a later one."""
        return self._session(commands, fill).answers

    def listing(self):
        """Returns: the answer.Listing of what loading the tables came to."""
        if self._listing is None:
            session = self._session(["namespace"])
            if session.wrong or not session.answers[0]:
                raise Failure(session.wrong or "acpiexec did not load the tables")
            self._listing = answer.listing(session.start, session.answers[0])
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

    def changes(self, path):
        """Whether it evaluates to something else the second time."""
        first, second = self._evaluate([path, path], (), FILLS[0])
        return (first.result, first.error) != (second.result, second.error)

    def _value(self, kind, runs):
        if kind is None:
            return Value()
        form = Form.METHOD if kind == "Method" else Form.NAME
        result, error = runs[0].result, runs[0].error
        if any((run.result, run.error) != (result, error) for run in runs):
            return Value(form, result, "it depends on memory or registers that only the machine "
                         "has", True)
        if runs[0].missing and not self.is_complete():
            return Value(form, result, f"it needs {runs[0].missing[0]}, which no table here has",
                         True)
        return Value(form, result, error)

    def _evaluate(self, paths, arguments, fill):
        """Returns: an answer.Evaluation for each path."""
        if not all(map(is_path, paths)):
            return [self._evaluate([path], arguments, fill)[0] if is_path(path) else
                    answer.Evaluation(error="acpiexec cannot be given its name")
                    for path in paths]
        # The debugger reads numbers as hexadecimal.
        words = "".join(f" {a:x}" for a in arguments)
        session = self._session([f"evaluate {path}{words}" for path in paths], fill)
        if not session.wrong:
            return [answer.evaluation(path, text) for path, text in zip(paths, session.answers)]
        if len(paths) == 1:
            return [answer.Evaluation(error=session.wrong)]
        # What it printed before it was killed may be lost, so who is guilty is found by trying.
        half = len(paths) // 2
        return (self._evaluate(paths[:half], arguments, fill) +
                self._evaluate(paths[half:], arguments, fill))

    def disassemble(self):
        """Returns: {name of the table: ASL}, without those that iasl cannot disassemble."""
        found = {}
        for path, table in self.files:
            others = ",".join(str(p) for p, _ in self.files if p != path)
            arguments = [self.iasl, "-p", str(self.scratch / "source")]
            arguments += ["-e", others] if others else []
            self._child(arguments + ["-d", str(path)])
            source = self.scratch / "source.dsl"
            if source.exists():
                found[table.name] = source.read_text("ascii", "replace")
                source.unlink()
        return found


def shown(oem):
    """As acpiexec prints it."""
    return "".join(chr(c) if 0x20 <= c < 0x7f else "?" for c in oem.split(b"\0")[0]).ljust(8)


def ended(name, status):
    if status >= 0:
        # acpiexec's own status says nothing of what it was asked.
        return ""
    try:
        cause = signal.Signals(-status).name
    except ValueError:
        cause = f"signal {-status}"
    return f"{name} was ended by {cause}"
