# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The control channel of one QEMU process (QMP), over a socket that QEMU inherits."""

import json


class QmpError(Exception):
    pass


class Qmp:
    def __init__(self, sock, timeout=120):
        self.sock = sock
        self.pending = b""
        self.sock.settimeout(timeout)
        if "QMP" not in self._receive():
            raise QmpError("QEMU did not greet")
        self.execute("qmp_capabilities")

    def _receive(self):
        while b"\n" not in self.pending:
            try:
                data = self.sock.recv(65536)
            except OSError as e:
                raise QmpError(f"QEMU does not answer: {e}") from e
            if not data:
                raise QmpError("QEMU closed its control channel")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def execute(self, command, **arguments):
        """The value that the command returns; events that arrive meanwhile are dropped."""
        request = {"execute": command, "arguments": arguments}
        try:
            self.sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError as e:
            raise QmpError(f"{command}: {e}") from e
        while True:
            answer = self._receive()
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
