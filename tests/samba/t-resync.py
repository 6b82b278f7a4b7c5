#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What a controller wrote after it was resumed and before it was frozen: verify, a minute after the
repair, has the partner take it, also if the partner is down at first.
"""

from harness import installation
from harness.domain import Domain


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    d.lose(d.dc2, ("lost1",))
    d.start()
    d.dc2.add("soon", kind="contact")
    d.dc2.stop()
    status, output = d.dc2.repair()
    t.equal(status, 0, "repaired") or t.note(output)
    pending = installation.path(f"{d.dc2.directory}/vmgen/samba-ad/partners")
    t.ok("true" in pending.read_text("ascii"), "the partners are to be told")
    d.dc2.start()
    d.dc2.add("after")
    d.converge()
    t.equal(d.dc1.has(["soon", "after"]), ["after"],
            "control: what it wrote before the repair does not reach the partner")
    d.dc1.stop()
    status, output = d.dc2.safeguard("verify")
    t.equal((status, "event 2200:" in output, "event 2202:" in output), (0, True, True),
            "verify, while the partner is down")
    t.ok(pending.exists(), "leaves it for later") or t.note(output)
    d.dc1.start()
    told = ""
    for _ in range(3):
        # The first try may meet the connection that is gone.
        status, output = d.dc2.safeguard("verify")
        t.note(output)
        told += output
        if status or not pending.exists():
            break
    t.equal((status, pending.exists()), (0, False), "verify, when it is back")
    t.ok("event 2201:" in told, "events 2200 to 2202 tell so")
    t.equal(d.dc1.has(["soon", "after", "lost1"]), ["soon", "after", "lost1"],
            "has the partner take what it wrote before")
    d.dc2.modify("soon")
    d.converge()
    t.equal(d.settle(), "",
            "a change of that reaches it, and samba-tool ldapcmp finds no difference")
    t.equal(d.dc2.safeguard("verify")[0], 77, "another verify has nothing to do")
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
