# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A host that talks to the guest agent (qemu-ga) of a guest: what libvirt and others do.

    Guest(..., chardevs=agent.CHARDEVS, devices=agent.DEVICES)
    agent.ask("guest-set-time")
    agent.execute("vmgenctl", "status")
"""

import base64
import json
import socket
import time

from harness.machine import scratch

PATH = scratch() / "agent"
CHARDEVS = (f"socket,id=agent,path={PATH},server=on,wait=off",)
DEVICES = ("virtio-serial-pci", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0")
# It answers with this in front of what was asked last, no matter who asked before.
MARK = b"\xff"
TIMEOUT = 60


class AgentError(Exception):
    pass


def answer(connection, command, arguments):
    connection.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
    connection.flush()
    reply = json.loads(connection.readline().rpartition(MARK)[2])
    if "error" in reply:
        raise AgentError(f"{command}: {reply['error']['desc']}")
    return reply["return"]


def ask(command, **arguments):
    """What the agent of the guest that runs answers."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(TIMEOUT)
        s.connect(str(PATH))
        with s.makefile("rwb") as connection:
            answer(connection, "guest-sync-delimited", {"id": 1})
            return answer(connection, command, arguments)


def execute(path, *arguments, timeout=TIMEOUT):
    """(exit status, output) of a program that the agent starts in the guest."""
    pid = ask("guest-exec", path=path, arg=list(arguments), **{"capture-output": True})["pid"]
    deadline = time.monotonic() + timeout
    while not (status := ask("guest-exec-status", pid=pid))["exited"]:
        if time.monotonic() > deadline:
            raise AgentError(f"{path}: timed out")
        time.sleep(0.1)
    output = b"".join(base64.b64decode(status.get(name, "")) for name in ("out-data", "err-data"))
    return status.get("exitcode", -1), output.decode(errors="replace")
