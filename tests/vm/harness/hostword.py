# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a host says to a machine beside its ID: see vmgen-hypervisors(7).

    boot(kernel, fw_cfg=hostword.PLACE)
    snapshot = g.snapshot()
    hostword.told(snapshot, hostword.word(guid, "clone", "web-3")).clone(guid=guid)
"""

import dataclasses
import pathlib
import subprocess
import tempfile

from harness import readme
from harness.machine import scratch

PAGE = ("kmod/vmgen-hypervisors.7.scd", "# A WORD TO THE GUEST")

FILE = "opt/org.vmgen/intent"
SIZE = 256
# A machine that is to be told something at a restore has the file at its boot.
PLACE = {FILE: bytes(SIZE)}


def word(guid, intent="clone", name="", size=SIZE):
    """The content of the file."""
    said = f"vmgen-intent 1 id={guid} intent={intent}" + (f" name={name}" if name else "")
    return f"{said}\n".encode().ljust(size, b"\0")


def advised(guid, name):
    """The content of the file as the manual page has it made."""
    directory = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
    made, restored = readme.blocks(*PAGE)[1:3]
    # The second line of the first is QEMU's.
    subprocess.run(["sh", "-euc", made.splitlines()[0]], cwd=directory, check=True)
    assert (directory / "word").read_bytes() == PLACE[FILE]
    subprocess.run(["sh", "-euc", restored], cwd=directory, check=True,
                   env={"PATH": "/usr/bin:/bin", "GUID": guid, "NAME": name})
    return (directory / "word").read_bytes()


def strings(guid, name):
    """What the manual page has SMBIOS say at a cold boot: a word, and a credential."""
    for text in readme.blocks(*PAGE)[3].splitlines():
        yield (text.split("value=", 1)[1].rstrip('"')
               .replace("$GUID", guid).replace("$NAME", name))


def told(snapshot, content):
    """The snapshot, on a host with another content of the file; None: without it."""
    arguments = list(snapshot.arguments)
    place = next(i for i, a in enumerate(arguments) if a.startswith(f"name={FILE},file="))
    if content is None:
        del arguments[place - 1:place + 1]
    else:
        path = pathlib.Path(tempfile.mkdtemp(dir=scratch())) / "word"
        path.write_bytes(content)
        arguments[place] = f"name={FILE},file={path}"
    return dataclasses.replace(snapshot, arguments=arguments)
