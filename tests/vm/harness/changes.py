# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a command of a host does to the ID of a machine of libvirt, and who told the guest of it how
soon: a check each, and a row of a table.

    changes = Changes("6.12", g, t)
    changes.new("restore", lambda: g.go_on("restore", "/vm/saved", look=changes.time))
"""

import json

from harness import hosted
from harness.hosted import MS, shown
from harness.scenario import info, say

PROGRAMS = ["vmgend", "vmgenctl", "info", "stamp"]
# The first of guards says when it began, and the last of hooks what it was called with.
HOOKS = {"10-began": "#!/bin/stamp /run/began\\n",
         "80-hook": "#!/bin/sh\\necho $1 >>/run/80-hook\\n"}


def prepare(g):
    hosted.prepare(g, HOOKS)


class Changes:
    """Of a guest that is prepared; counted from its boot on."""

    def __init__(self, kernel, g, t):
        self.g, self.t = g, t
        self.where = f"{kernel}, libvirt {g.host.version()}"
        self.changes = self.spurious = 0
        # Its time goes on in the host's sight when nothing else has to be done.
        g.spawn("exec chrt -i 0 stamp spin >/tmp/stamp")
        g.wait_for("grep -q now /tmp/stamp")
        self.address = g.run("cat /tmp/stamp").split()[1]

    def time(self, g):
        """The guest's own, in nanoseconds, as the host sees it in its memory."""
        return g.word(self.address)

    def _facts(self):
        """(changes, notifications without one, what ran), once all is handled."""
        self.g.wait_for("vmgenctl wait --settled")
        facts = info(self.g)
        ran = self.g.run("cat /run/80-hook 2>/dev/null || true").split()
        return int(facts["changes"]), int(facts["spurious_notifies"]), ran

    def _check(self, what, name):
        self.t.equal(self._facts(), (self.changes, self.spurious, ["changed"] * self.changes),
                     f"{what}: {name}")

    def new(self, what, command, shown_alone=True):
        """It gives a new ID; the command returns the time at which the guest goes on.

        Returns how long after that the module detected it, and a guard began, in milliseconds.
        """
        before = shown(self.g)
        resumed = command()
        self.t.ok(shown(self.g) == self.g.genid() != before,
                  f"{what}: a new ID, which libvirt's description has")
        self.changes += 1
        self._check(what, "one change, and one notification")
        status = json.loads(self.g.execute("vmgenctl status --json")[1])
        began = int(self.g.run("tail -n 1 /run/began").split()[1])
        self.t.equal(status["detected_by"], "interrupt", f"{what}: the interrupt told")
        late, first = ((at - resumed) / MS for at in (status["changed_boottime_ns"], began))
        self.t.ok(0 <= late <= first,
                  f"{what}: after the guest has gone on, and before the first guard")
        if shown_alone:
            self.row(what, f"new  by {status['detected_by']} after {late:6.1f} ms, "
                           f"first guard after {first:6.0f} ms")
        return late, first

    def none(self, what, command, spurious=0):
        """It leaves the ID, but may notify; what the command returns is the machine from now on."""
        before = shown(self.g)
        self.g = command() or self.g
        self.t.equal((self.g.genid(), shown(self.g)), (before, before), f"{what}: the ID stays")
        self.spurious += spurious
        if spurious:
            self.g.wait_for(f"info | grep -qx 'spurious_notifies {self.spurious}'")
        self._check(what, f"no change, and {spurious} notifications")
        self.row(what, f"same {'notified without a change' if spurious else 'not notified'}")

    def row(self, what, result):
        """Of the table: what is typed, whether the ID is new, and who told of it."""
        say(f"{self.where}: virsh {what:43} {result}")
