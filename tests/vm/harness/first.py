# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The program first in a guest and in its clones: what users of the library do first there."""

OUTPUT = "/tmp/first"
TIMEOUT = 60


class First:
    def __init__(self, guest, draws):
        self.guest = guest
        guest.run(f"rm -f {OUTPUT}")
        self.pid = guest.spawn(f"exec first {draws} >{OUTPUT} 2>&1")
        guest.wait_for(f"grep -qx ready {OUTPUT} || ! kill -0 {self.pid}")
        text = guest.run(f"cat {OUTPUT}")
        lines = [line.split() for line in text.splitlines()]
        if ["ready"] not in lines:
            raise guest.error(text)
        self.addresses = {kind: [int(line[1], 16) for line in lines if line[0] == kind]
                          for kind in ("look", "draw")}

    def of(self, clone):
        """The same in a clone."""
        other = object.__new__(First)
        other.__dict__ = {**self.__dict__, "guest": clone}
        return other

    def end(self):
        self.guest.run(f"kill {self.pid}")
        self.guest.join(self.pid)

    def rounds(self):
        """How many each thread has begun (look) or ended (draw), while the guest stands still."""
        return {kind: [self._word(address) for address in addresses]
                for kind, addresses in self.addresses.items()}

    def _word(self, address):
        answer = self.guest.ask("human-monitor-command", **{"command-line": f"xp /1gx {address:#x}"})
        return int(answer.split(":")[1], 16)

    def _lines(self, kind):
        self.guest.join(self.pid, TIMEOUT)
        lines = [line.split() for line in self.guest.run(f"cat {OUTPUT}").splitlines()]
        return [[int(line[1]), int(line[2]), *line[3:]] for line in lines if line[0] == kind]

    def stale(self, before):
        """Rounds on the old generation after resume, of each thread that looks."""
        # The round that the snapshot cut in two began in the old world.
        return [max(0, rounds - before["look"][cpu] - 1)
                for cpu, rounds, *_ in self._lines("changed")]

    def drawn(self, before):
        """(the numbers of draws begun after resume, those of draws that the snapshot cut in two,
        how many of either came before the generation had moved)"""
        lines = self._lines("drew")
        begun = before["draw"]
        shown = [min(rounds for other, rounds, _ in lines if other == cpu)
                 for cpu in range(len(begun))]
        return ([number for cpu, rounds, number in lines if rounds > begun[cpu]],
                [number for cpu, rounds, number in lines if rounds == begun[cpu]],
                sum(max(0, first - old) for first, old in zip(shown, begun)))
