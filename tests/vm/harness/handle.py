# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A handle of libvmgen in a guest, used from outside by the program handle; also in a clone of
the guest."""

import errno

# vmgen_open()'s flags, and vmgen_info.device
VMGENID, VMCLOCK, SYSGENID, UNPRIVILEGED = 1, 2, 4, 1 << 8
# vmgen_info.flags
NOTIFIES, RAW, EXACT, EVENTS, ID, SETTLES = 1 << 1, 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20
CAN = RAW | EXACT | EVENTS | ID | SETTLES
POLLIN = 1
# Of an answer, in seconds.
TIMEOUT = 120


def failed(*names):
    """What a function returns that fails so, and tells nothing."""
    return [-getattr(errno, name) for name in names]


class Handle:
    def __init__(self, guest, name, user=""):
        """The program runs as user, which is a prefix of its command."""
        self.name = name
        self.guest = guest
        self.pipes = f"/tmp/{name}.in", f"/tmp/{name}.out"
        guest.run(f"mkfifo {' '.join(self.pipes)}")
        # Opened both ways, so that neither end ever waits for the other.
        guest.spawn(f"{user} handle 0<>{self.pipes[0]} 1<>{self.pipes[1]} 2>/tmp/{name}.err")

    def of(self, clone):
        """The same in a clone."""
        other = object.__new__(Handle)
        other.__dict__ = {**self.__dict__, "guest": clone}
        return other

    def begin(self, command):
        """Call a function that may wait."""
        self.guest.run(f"echo '{command}' >{self.pipes[0]}")

    def is_waiting(self):
        """Nothing was answered within a second: nothing tells that nothing will be."""
        status, _ = self.guest.execute(f"read -t 1 line <>{self.pipes[1]}")
        return bool(status)

    def end(self):
        """The answer, as numbers; a single one not in a list."""
        return self._answers(f"read -t {TIMEOUT} line <>{self.pipes[1]}; echo $line")[0]

    def ask(self, *commands):
        """The answers to some commands; the only one not in a list."""
        answers = self._answers("".join(
            f"echo '{command}' >{self.pipes[0]}; read -t {TIMEOUT} line <>{self.pipes[1]}; echo $line;"
            for command in commands))
        return answers if len(commands) > 1 else answers[0]

    def _answers(self, script):
        lines = [line.split() for line in self.guest.run(script).splitlines()]
        if not all(lines):
            raise self.guest.error(f"{self.name}: {lines} " +
                                   self.guest.run(f"cat /tmp/{self.name}.err"))
        return [[int(word) for word in line] if len(line) > 1 else int(line[0])
                for line in lines]

    def facts(self):
        """(device, what the handle can do, generation)"""
        r, device, flags, generation = self.ask("info")
        if r:
            raise self.guest.error(f"vmgen_info: {r}")
        return device, flags & CAN, generation
