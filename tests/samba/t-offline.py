#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The only partner is down for a day when a controller goes back: what that can do meanwhile, what
it says, and that it is all made up for when the partner is there again.

Nothing in replication goes by the clock, and the safeguard only counts how often it has tried: so
the day is as many attempts on record.
"""

import json

from harness import installation
from harness.controller import ADMINISTRATOR, BASE, OBJECT
from harness.domain import Domain

LOST = ("lost1", "lost2")
# Each minute for an hour, then each hour.
ATTEMPTS_IN_A_DAY = 60 + 23


def state(dc):
    return installation.path(f"{dc.directory}/vmgen/samba-ad")


def notice(dc):
    path = state(dc) / "notices/partners"
    return path.read_text("utf-8") if path.exists() else ""


def verify(dc, t, name, *options):
    status, output = dc.safeguard(*options, "verify")
    t.equal(status, 0, name) or t.note(output)
    return output


def alone(d, t):
    status, output = d.dc2.safeguard("before-start")
    t.ok(status == 0 and "1109" in output, "DC2 is repaired while its partner is down")
    d.dc2.start()
    d.dc2.add("meanwhile", kind="contact")
    text = OBJECT.format(name="refused", base=BASE, kind="user", more="sAMAccountName: refused")
    status, output = installation.execute("ldbadd", "-H", d.dc2.url, *ADMINISTRATOR, stdin=text)
    t.ok(status and "RID" in output,
         "it takes contacts, but no users: its RIDs are dropped, and the RID master is down")
    verify(d.dc2, t, "verify waits for nobody")
    t.ok("DC1" in notice(d.dc2), "and says who was not heard")


def a_day_later(d, t):
    path = state(d.dc2) / "expected"
    expected = json.loads(path.read_text("ascii"))
    expected["attempts"] = ATTEMPTS_IN_A_DAY
    path.write_text(json.dumps(expected) + "\n", "ascii")
    verify(d.dc2, t, "a day later it is still tried")
    t.ok("DC1" in notice(d.dc2) and path.exists(), "and not given up")
    d.dc2.stop()
    t.equal(d.dc2.safeguard("before-start")[0], 0, "after a reboot DC2 starts")
    t.ok(path.exists(), "and still knows")
    d.dc2.start()
    output = d.dc2.safeguard("--check")[1]
    t.ok("DC1" in output and "not heard" in output, "--check says so") or t.note(output)


def there_again(d, t):
    d.dc1.start()
    output = verify(d.dc2, t, "the partner is there again: verify hears it")
    t.ok("has lasted" in output, "and is done") or t.note(output)
    t.equal(notice(d.dc2), "", "so there is nothing more to say")
    d.dc2.add("new")
    t.equal(d.dc2.has(LOST), list(LOST), "lost users come back")
    d.converge()
    t.equal(d.dc1.has(["meanwhile", "new"]), ["meanwhile", "new"],
            "what was written meanwhile reaches the partner, as does what is written now")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")


def scenario(_suite, t):
    d = Domain()
    d.adopt()
    d.lose(d.dc2, LOST)
    alone(d, t)
    a_day_later(d, t)
    there_again(d, t)
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
