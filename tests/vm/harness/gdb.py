# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A client of QEMU's debugger stub (the remote protocol of gdb), which stops a guest of one CPU
between any two of its instructions."""

import re
import socket

STACK, PC = 7, 16    # places in the answer to g, 8 bytes each


class GdbError(Exception):
    pass


class Gdb:
    """Attached to a guest that does not run; with it the guest runs and stops by these calls."""

    def __init__(self, process, timeout=180):
        path = process.directory / "gdb"
        process.ask("human-monitor-command",
                    **{"command-line": f"gdbserver unix:{path},server=on,wait=off"})
        self.pending = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def _ask(self, packet):
        content = packet.encode()
        self.socket.sendall(b"$%s#%02x" % (content, sum(content) % 256))
        while not (m := re.search(rb"\$([^#]*)#..", self.pending)):
            data = self.socket.recv(1 << 16)
            if not data:
                raise GdbError(f"{packet}: QEMU closed the connection")
            self.pending += data
        self.pending = self.pending[m.end():]
        self.socket.sendall(b"+")
        return m.group(1).decode()

    def _expect(self, packet, start):
        answer = self._ask(packet)
        if not answer.startswith(start):
            raise GdbError(f"{packet}: {answer}")
        return answer

    def run_to(self, address):
        """Let the guest run until it is about to execute this address."""
        self._expect(f"Z1,{address:x},1", "OK")
        self._expect("c", "T05")
        self._expect(f"z1,{address:x},1", "OK")

    def step(self):
        """One instruction; no interrupt is taken meanwhile."""
        self._expect("s", "T05")

    def register(self, number):
        registers = self._ask("g")
        return int.from_bytes(bytes.fromhex(registers[number * 16:number * 16 + 16]), "little")

    def return_address(self):
        """Where the function goes back to of which no instruction was executed yet."""
        content = self._ask(f"m{self.register(STACK):x},8")
        return int.from_bytes(bytes.fromhex(content), "little")
