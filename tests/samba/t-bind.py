#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A controller whose DNS is BIND's (BIND9_DLZ) goes back to a snapshot: named works on a copy of
the database, and what it writes afterwards has to reach the partner, too.
"""

import time

from harness import bind, installation
from harness.bind import BindDomain, Named

BLIND = f"{installation.GUEST}/blind.py"
LOST = ("losta", "lostb", "lostc")
# Has the database open before the file is copied.
INTERRUPTED = """#!/bin/sh
if [ ! -e /srv/interrupted ]; then
	sh {unit} start
	/bin/cat {main} >/srv/interrupted
	for i in $(seq 600); do
		ls -l /proc/$(/bin/cat {main})/fd | grep -q CN=CONFIGURATION && break
		sleep 0.1
	done
fi
exec /bin/cat "$@"
"""


def identities(dc):
    """Of the database and of the copy; the second one is read without what is tested."""
    ntds = (f"CN=NTDS Settings,CN={dc.name.upper()},CN=Servers,CN=Default-First-Site-Name,CN=Sites,"
            f"CN=Configuration,{bind.BASE}")
    found = []
    for place in ("private", "bind-dns/dns"):
        output = installation.run("ldbsearch", "-H", f"{dc.directory}/{place}/sam.ldb", "-b", ntds,
                                  f"--configfile={dc.configuration}", "-s", "base", "invocationId")
        found += [line for line in output.splitlines() if line.startswith("invocationId: ")]
    return found


def lose(d, named):
    """Records that reach the partner; then the second controller is back before them."""
    d.snapshot("before")
    d.start()
    named.start()
    for name in LOST:
        named.update(name)
    d.converge()
    named.stop()
    d.stop()
    d.dc2.restore("before")
    d.dc2.new_id()
    d.snapshot("back")


def go_on(d, named):
    """Named is running already."""
    d.start()
    named.update("new")
    d.converge()


def without(d, t, named):
    status, output = d.dc2.safeguard("before-start", program=(BLIND,))
    t.equal(status, 0, "without: repaired, and the copy forgotten") or t.note(output)
    ours, theirs = identities(d.dc2)
    t.ok(ours != theirs, "named has another invocationId than Samba")
    named.start()
    go_on(d, named)
    t.equal(bind.records(d.dc2, "new"), ["new"], "what named writes is seen by Samba")
    t.equal(bind.records(d.dc1, "new"), [], "and never reaches the partner")


def late(d, t, named):
    """That repair is on record, by an older version maybe: verify finds it, while both run."""
    status, output = d.dc2.safeguard("--check")
    t.ok(status == 7 and "another invocationId" in output, "--check tells of it") or t.note(output)
    before = named.pid()
    status, output = d.dc2.safeguard("verify", units=True)
    t.ok(status == 0 and "has lasted" in output, "verify puts it right before it says that the "
         "repair has lasted") or t.note(output)
    ours, theirs = identities(d.dc2)
    t.equal(theirs, ours, "named has the invocationId of Samba, which went on")
    t.ok(named.lives() and named.pid() != before, "named was stopped, and started again")
    named.wait()
    named.update("later")
    d.converge()
    t.equal(bind.records(d.dc1, "later"), ["later"], "what it writes then reaches the partner")
    named.stop()
    d.stop()


def with_safeguard(d, t, named):
    d.restore("back")
    named.start()
    before = named.pid()
    status, output = d.dc2.safeguard("before-start")
    t.ok(status == 1 and f"named (process {before})" in output,
         "with, but nobody may stop named: it is told who is in the way") or t.note(output)
    start = time.monotonic()
    status, output = d.dc2.safeguard("before-start", units=True)
    t.note(f"{output}before-start took {time.monotonic() - start:.2f} s")
    t.equal(status, 0, "with: Samba is being started, and named runs already")
    t.ok(named.lives() and named.pid() != before, "it was stopped, and started again")
    ours, theirs = identities(d.dc2)
    t.equal(theirs, ours, "both have the same invocationId")
    named.wait()
    go_on(d, named)
    t.equal(bind.records(d.dc1, "new"), ["new"], "what named writes reaches the partner")
    t.equal(bind.records(d.dc2, *LOST), list(LOST), "lost records come back")
    t.equal(d.settle(), "", "samba-tool ldapcmp finds no difference")
    status, output = d.dc2.safeguard("verify", units=True)
    t.ok(status == 0 and "has lasted" in output, "verify: it has lasted") or t.note(output)
    t.equal(d.dc2.safeguard("--check")[0], 0, "--check is content")


def middle(d, t, named):
    """Somebody starts named while its files are being replaced."""
    d.restore("back")
    program = installation.path("/usr/local/bin/cat")
    program.write_text(INTERRUPTED.format(unit=f"{named.place}/unit", main=f"{named.place}/main"),
                       "ascii")
    program.chmod(0o755)
    status, output = d.dc2.safeguard("before-start", units=True)
    program.unlink()
    started = installation.path("/srv/interrupted").read_text("ascii").split()
    t.ok(status == 0 and len(started) == 1, "named is started in the middle") or t.note(output)
    t.ok(named.lives() and named.pid() != started[0], "it is stopped once more, and started again")
    ours, theirs = identities(d.dc2)
    t.equal(theirs, ours, "both have the same invocationId")
    named.kill()


def anew(d, t, named):
    """Without its directory, as samba_upgradedns leaves it for a moment; Samba runs."""
    named.kill()
    installation.run("rm", "-r", f"{d.dc2.directory}/bind-dns/dns")
    output = d.dc2.safeguard("verify", units=True)[1]
    t.ok("made again" in output, "verify makes a copy anew that was removed") or t.note(output)
    named.start()
    named.update("anew")
    d.converge()
    t.equal(bind.records(d.dc1, "anew"), ["anew"], "with which named works")


def scenario(_suite, t):
    start = time.monotonic()
    d = BindDomain()
    d.adopt()
    named = Named(d.dc2)
    named.run_by_systemd()
    t.note(f"two controllers in {time.monotonic() - start:.1f} s")
    lose(d, named)
    without(d, t, named)
    late(d, t, named)
    middle(d, t, named)
    with_safeguard(d, t, named)
    anew(d, t, named)
    named.stop()
    d.stop()


if __name__ == "__main__":
    installation.main(scenario)
