#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Three controllers: what DC2 wrote in the lost time only DC3 has, and what it wrote between
the resume and the freeze DC1 has taken, which counts those numbers as had from then on.
"""

import re

from harness import installation
from harness.controller import ADMINISTRATOR, REALM
from harness.domain import Domain

LOST = ["lost1", "lost2"]
# More, so that they reach behind the numbers of those.
GAP = [f"gap{n}" for n in range(1, 7)]


def options(dc, option):
    """As an administrator switches replication of a controller."""
    installation.run("samba-tool", "drs", "options", f"{dc.name}.{REALM}",
                     f"--dsa-option={option}", *ADMINISTRATOR)


def lose(d, t):
    """All of it is kept as "back"."""
    d.snapshot("before")
    d.start()
    options(d.dc1, "+DISABLE_INBOUND_REPL")
    d.dc2.add(*LOST, kind="contact")
    d.replicate(d.dc3, d.dc2)
    t.equal((d.dc3.has(LOST), d.dc1.has(LOST)), (LOST, []), "only DC3 knows the lost changes")
    d.dc3.stop()
    d.dc2.stop()
    d.dc2.restore("before")
    d.dc2.new_id()
    options(d.dc1, "-DISABLE_INBOUND_REPL")
    d.dc2.start()
    d.dc2.add(*GAP, kind="contact")
    d.replicate(d.dc1, d.dc2)
    t.equal((d.dc1.has(GAP), d.dc1.has(LOST)), (GAP, []), "DC1 has taken what came after")
    d.stop()
    status, output = d.dc2.repair()
    t.equal(status, 0, "DC2 is repaired") or t.note(output)
    d.snapshot("back")


def start_two(d):
    """DC3 is down."""
    d.dc1.start()
    d.dc2.start()


def without(d, t):
    start_two(d)
    d.converge()
    d.dc3.start()
    d.converge()
    for dc in (d.dc1, d.dc2):
        t.equal(dc.has(LOST), [], f"without: they never come back to {dc.name}")
    t.equal(d.dc3.has(GAP[:2]), [], "and what has their numbers does not reach DC3")
    t.ok("CN=LOST1," in d.differences().upper(), "as samba-tool ldapcmp finds")


def killed(d, t):
    """verify notes first that DC3 is down, then that DC1 was heard; and the next one that it was
    told. A full synchronization takes long, so only where something is on record.
    """
    outputs = []
    for when in ("after", "before"):
        status, output = d.dc2.safeguard("verify", program=(
            f"{installation.GUEST}/killed.py", "samba_ad.state.State.set_partners", "2", when))
        outputs.append(output)
        t.ok(status in (-9, 137), "verify is killed") or t.note(f"{status} {output}")
    heard = ["DC2 has taken everything from DC1" in output for output in outputs]
    t.equal(heard, [True, False], "what is noted of it is not done again")


def heard_late(d, t):
    start_two(d)
    killed(d, t)
    status, output = d.dc2.safeguard("verify")
    t.ok(status == 0 and "DC1 has taken everything once more from DC2" in output and
         "DC2 has taken everything from DC1" not in output,
         "with: DC1 is heard, and told") or t.note(output)
    t.ok("could not take everything from DC3: " in output and "has lasted" not in output,
         "DC3 is down, and named")
    report = d.dc2.safeguard("--check")[1]
    t.ok("not heard" in report and "DC3 (" in report, "--check names it as well") or t.note(report)
    d.dc3.start()
    status, output = d.dc2.safeguard("verify")
    t.note(output)
    t.ok(status == 0 and "the repair has lasted" in output, "it is back, and heard")
    t.equal([output.count(f"DC{n} has taken everything once more from DC2") for n in (1, 3)],
            [1, 1], "both are told, DC1 once more")
    t.ok("not heard" not in d.dc2.safeguard("--check")[1], "--check names nobody any more")


def gone(d, t):
    """DC3 does not come back."""
    start_two(d)
    status, output = d.dc2.safeguard("verify")
    t.ok(status == 0 and "has lasted" not in output, "DC3 is not there") or t.note(output)
    output = d.dc2.safeguard("--check")[1]
    command = re.search(r"samba-tool domain demote --remove-other-dead-server=DC3\b", output)
    t.ok(command, "--check has a remedy") or t.note(output)
    installation.run(*command.group().split(), f"--configfile={d.dc2.configuration}")
    status, output = d.dc2.safeguard("verify")
    t.ok(status == 0 and "has lasted" in output, "with which nobody waits for it"
         ) or t.note(output)


def same(d, t):
    for dc in d.all:
        t.equal(dc.has([*LOST, *GAP]), [*LOST, *GAP], f"everything is on {dc.name}")
    d.dc2.modify("gap1")
    d.dc1.modify("lost1")
    d.dc3.modify("lost2")
    d.converge()
    t.equal(d.settle(), "", "changes of that go everywhere, and samba-tool ldapcmp finds no "
            "difference among the three")


def scenario(_suite, t):
    d = Domain(3)
    d.adopt()
    lose(d, t)
    without(d, t)
    d.restore("back")
    heard_late(d, t)
    same(d, t)
    d.restore("back")
    gone(d, t)
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
