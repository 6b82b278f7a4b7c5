#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Files that are not what they should be, at each command: a message, never a traceback, never a
wait without an end; and where nothing is due they keep Samba down only if the decision needs them.
"""

import contextlib
import os
import random
import subprocess

from harness import installation
from harness.alone import MANAGER, Alone, install_vmgenctl
from harness.controller import BASE

COMMANDS = ("before-start", "repair", "verify", "stop", "--check")
STATE = ("changed", "expected", "repairs", "partners", "rolled-back", "waived", "without-id",
         "taken-down", "notices", "harmless", "undecided", "due", "island-accepted",
         "sysvol-is-old", "lock")
# More than a file of ours ever has, and what no decoder takes.
DEEP = "[" * 200_000
TEXTS = (b"", b"\0" * 9, b"\xff\xfe" * 50, b"{}", b"[]", b"[[1]]", b"null", b'{"ntds": 1}',
         DEEP.encode(), b"1e999\nnan\ninf\n-1\n", b"\x1b[2J", b"9" * 5000)
EXPECTED = (b'{"ntds": "x", "invocation_id": null, "rid_pool": "y", "attempts": 1e999}',
            b'{"ntds": [], "invocation_id": {}, "rid_pool": 1e999, "attempts": NaN}')
SECONDS = 60


def run(dc, command, *options):
    """It ends by itself. Samba's own messages have in them what they complain of."""
    words = [] if command.startswith("--") else [command]
    options = (*options, command) if command.startswith("--") else options
    done = subprocess.run([
        "chroot", installation.root(),
        "timeout", "--kill-after=5", str(SECONDS), "/usr/bin/python3",
        f"{installation.SOURCE}/daemon/samba/vmgend-samba-ad",
        f"--configfile={dc.configuration}", f"--guid-file=/srv/{dc.name}.id",
        f"--state-directory={dc.directory}/vmgen", "--no-unit", *options, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def sweep(dc, t, name, *options, commands=COMMANDS, statuses=range(0, 100)):
    for command in commands:
        status, output = run(dc, command, *options)
        t.ok("Traceback" not in output and status in statuses and
             (output.strip() or status in (0, 77)), f"{name}: {command} ends with {status}") or \
            t.note(output[-2000:])


def make(kind, path, text=b""):
    subprocess.run(["rm", "-rf", path], check=True)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if kind == "directory":
        os.mkdir(path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        os.symlink(os.path.basename(path), path)
    elif kind == "endless":
        os.symlink("/dev/zero", path)
    else:
        with open(path, "wb") as f:
            f.write(text)


def states(dc, t):
    """Nothing is due."""
    directory = installation.path(f"{dc.directory}/vmgen/samba-ad")
    for name in STATE:
        for kind in ("directory", "pipe", "loop", "endless"):
            dc.restore("adopted")
            make(kind, f"{directory}/{name}")
            sweep(dc, t, f"{name}: {kind}", commands=("before-start",))
    for number, text in enumerate(TEXTS + EXPECTED):
        dc.restore("adopted")
        for name in STATE:
            make("file", f"{directory}/{name}", text)
        sweep(dc, t, f"text {number} in each", commands=("before-start", "verify", "--check"))


def state_directory(dc, t):
    for kind in ("directory", "loop", "file", "pipe"):
        dc.restore("adopted")
        make(kind, installation.path(f"{dc.directory}/vmgen"))
        before = dc.facts()
        # Where there may be a fence that cannot be read, there is one.
        sweep(dc, t, f"state directory: {kind}", commands=("before-start",),
              statuses=(0,) if kind == "directory" else (10,))
        t.equal(dc.facts(), before, "nothing is changed")


def unwritable(dc, t):
    """Nothing due: Samba starts. Something due: it says why not."""
    for name in ("read-only", "full"):
        dc.restore("adopted")
        before, directory = dc.facts(), installation.path(f"{dc.directory}/vmgen")
        with small(directory, name):
            status, output = run(dc, "before-start")
            t.equal((status, "nothing to repair" in output), (0, True),
                    f"{name}, nothing due: Samba starts") or t.note(output)
            t.equal(run(dc, "repair")[0], 0, "and repair is content")
            status, output = run(dc, "repair", "--rolled-back")
            t.equal((status, "a repair is due" in output), (1, True),
                    f"{name}: the word of an administrator is not taken and lost") or t.note(output)
            identity = dc.id
            dc.new_id()
            installation.path(f"/srv/{dc.name}.id").write_text(f"{dc.id}\n", "ascii")
            status, output = run(dc, "before-start")
            t.equal((status, "a repair is due, but it cannot be noted" in output), (1, True),
                    f"{name}, another ID: refused") or t.note(output)
            dc.id = identity
            installation.path(f"/srv/{dc.name}.id").write_text(f"{dc.id}\n", "ascii")
        t.equal(dc.facts(), before, "nothing is changed")


@contextlib.contextmanager
def small(directory, name):
    subprocess.run(["rm", "-rf", directory], check=True)
    os.mkdir(directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1" if name == "full" else "ro",
                    "tmpfs", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def guids(dc, t):
    dc.restore("adopted")
    path = installation.path(f"/srv/{dc.name}.id")
    for number, text in enumerate(TEXTS[1:]):
        path.write_bytes(text)
        sweep(dc, t, f"ID: text {number}", commands=("before-start", "--check"), statuses=(1,))
    for kind in ("directory", "pipe", "loop", "endless"):
        make(kind, path)
        sweep(dc, t, f"ID: {kind}", commands=("before-start", "--check"), statuses=(1,))
    # Whose read fails in the middle.
    sweep(dc, t, "ID: a file whose read fails", "--guid-file=/proc/self/mem",
          commands=("before-start",), statuses=(1,))
    make("file", path, f"{dc.id}\n".encode())


def configurations(dc, t):
    place = installation.path("/srv/odd.conf")
    rng = random.Random(18)
    good = installation.path(dc.configuration).read_bytes()
    for kind in ("directory", "pipe", "loop", "endless"):
        make(kind, place)
        sweep(dc, t, f"smb.conf: {kind}", "--configfile=/srv/odd.conf",
              commands=("before-start", "--check"))
    for number in range(9):
        text = bytearray(good)
        for _ in range(1 + number):
            text[rng.randrange(len(text))] = rng.randrange(256)
        make("file", place, bytes(text) if number % 3 else rng.randbytes(2000))
        sweep(dc, t, f"smb.conf {number}", "--configfile=/srv/odd.conf",
              commands=("before-start",))


def databases(dc, t):
    """Attributes that a broken or strange database may have."""
    for dn, attribute, value in (
            (MANAGER, "rIDAvailablePool", "0"), (MANAGER, "rIDAvailablePool", "-1"),
            (f"CN=RID Set,CN=DC1,OU=Domain Controllers,{BASE}", "rIDAllocationPool", "-1"),
            (BASE, "repsFrom", "x"), (BASE, "replUpToDateVector", "x"),
            (f"CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration,{BASE}",
             "tombstoneLifetime", "-2147483648")):
        dc.restore("adopted")
        status = write(dc, dn, attribute, value)
        identity = dc.id
        dc.new_id()
        installation.path(f"/srv/{dc.name}.id").write_text(f"{dc.id}\n", "ascii")
        t.note(f"{attribute}: {status}")
        sweep(dc, t, f"{attribute} = {value}", commands=("--check", "before-start"))
        dc.id = identity
        installation.path(f"/srv/{dc.name}.id").write_text(f"{dc.id}\n", "ascii")


def write(dc, dn, attribute, value):
    return installation.execute(
        "python3", "-c", "import sys, ldb; from samba.samdb import SamDB\n"
        "from samba.param import LoadParm; from samba.auth import system_session\n"
        "lp = LoadParm(); lp.load(sys.argv[1])\n"
        "db = SamDB(url=lp.private_path('sam.ldb'), session_info=system_session(), lp=lp)\n"
        "m = ldb.Message(ldb.Dn(db, sys.argv[2]))\n"
        "m['x'] = ldb.MessageElement(sys.argv[4], ldb.FLAG_MOD_REPLACE, sys.argv[3])\n"
        "db.modify(m)", dc.configuration, dn, attribute, value)


def locked(dc, t):
    """Somebody holds the database in the middle of a transaction and does not go on."""
    dc.restore("adopted")
    holder = subprocess.Popen(
        ["python3", "-c", "import fcntl, sys, time\n"
         "f = open(sys.argv[1], 'r+b')\n"
         "fcntl.lockf(f, fcntl.LOCK_EX)\nprint('ready', flush=True)\ntime.sleep(600)",
         installation.path(dc.database)], stdout=subprocess.PIPE, text=True)
    try:
        holder.stdout.readline()
        for command in ("before-start", "--check"):
            status, output = run(dc, command)
            t.equal((status, "locked by python3" in output), (1, True),
                    f"a database that is locked: {command}") or t.note(output)
    finally:
        holder.kill()
        holder.wait()
    t.equal(run(dc, "before-start")[0], 0, "not any more")


def scenario(_suite, t):
    install_vmgenctl()
    dc = Alone()
    dc.must("repair")
    dc.snapshot("adopted")
    for test in (unwritable, state_directory, guids, databases, locked, configurations, states):
        test(dc, t)


if __name__ == "__main__":
    installation.main(scenario)
