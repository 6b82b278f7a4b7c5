# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The host's end of org.vmgen.0, the virtio-serial port on which vmgend reports.

    Guest(..., chardevs=hostport.CHARDEVS, devices=hostport.DEVICES)
    with hostport.Port() as port:
        port.report()

Each QEMU makes the socket again, so a clone that is to run beside others gets a place of its own:
hostport.beside(snapshot, "a").clone(...), and Port("a").
"""

import dataclasses
import hashlib
import json
import socket
import time
import uuid

from harness import hostword
from harness.machine import scratch

NAME = "org.vmgen.0"
PATH = scratch() / "report"
CHARDEVS = (f"socket,id=report,path={PATH},server=on,wait=off",)
DEVICES = ("virtio-serial-pci", f"virtserialport,chardev=report,name={NAME}")
TIMEOUT = 60


def path(place=""):
    return f"{PATH}{place}"


def beside(snapshot, place):
    """The same snapshot, for a clone whose port is a socket of its own."""
    arguments = [a.replace(f"path={PATH},", f"path={path(place)},") for a in snapshot.arguments]
    return dataclasses.replace(snapshot, arguments=arguments)


def restore(stack, snapshot, name):
    """A clone that was told its name, up to the moment before it goes on, and its ID.

    The port is Port(name), and the snapshot is of a guest with hostword.PLACE.
    """
    guid = str(uuid.uuid4())
    told = hostword.told(beside(snapshot, name), hostword.word(guid, "clone", name))
    return stack.enter_context(told.clone(guid=guid, paused=True)), guid


def id_hash(guid):
    """What vmgend calls a machine with this ID, as vmgend(8) has it."""
    return hashlib.sha256(b"vmgen generation ID hash v1\0" + uuid.UUID(guid).bytes_le).hexdigest()


class Port:
    def __init__(self, place=""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path(place))
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def line(self, timeout=TIMEOUT):
        """The next line; TimeoutError: there is none."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self.pending:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("QEMU has ended")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line

    def report(self, timeout=TIMEOUT):
        """The next report."""
        return json.loads(self.line(timeout))

    def is_silent(self, seconds):
        """Does no report come for so long?"""
        try:
            self.line(seconds)
        except TimeoutError:
            return True
        return False
