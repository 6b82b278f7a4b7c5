#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A clock that is wrong by years: what is said of it, and how far versions are lifted by it."""

import contextlib
import socketserver
import subprocess
import threading
import time

from harness import installation
from harness.alone import Alone

YEAR = 31_557_600
DAY = 86400
YEAR_2000 = 946_684_800
PARTNER_ADDRESS = "10.99.0.9"
ASK = ("from samba_ad import clock; import time; when = clock.ask('{address}'); "
       "print(when and abs(when - time.time()) < 60)")
# Behind and ahead by less than a tombstone lifetime, by more, and by more than versions can count.
OFFSETS = (-5000 * YEAR, -60 * YEAR, -20 * YEAR, -7200, 100 * DAY, 20 * YEAR, 140 * YEAR,
           9000 * YEAR, 10**15, 10**20)


def wrong(seconds, known="free", hardware="none"):
    return (f"{installation.GUEST}/clock.py", str(seconds), known, str(hardware))


def tlv(tag, *parts):
    data = b"".join(parts)
    return bytes([tag, len(data)]) + data


class Answer(socketserver.BaseRequestHandler):
    """currentTime of a root of a directory, as Samba answers."""

    offset = 0

    def handle(self):
        self.request.recv(4096)
        text = time.strftime("%Y%m%d%H%M%S.0Z", time.gmtime(time.time() + self.offset)).encode()
        attribute = tlv(0x30, tlv(0x04, b"currentTime"), tlv(0x31, tlv(0x04, text)))
        entry = tlv(0x64, tlv(0x04), tlv(0x30, attribute))
        self.request.sendall(tlv(0x30, tlv(0x02, b"\1"), entry))


class Junk(socketserver.BaseRequestHandler):
    """Somebody who answers without an end."""

    def handle(self):
        with contextlib.suppress(OSError):
            while True:
                self.request.sendall(b"currentTime" + b"\x1b[2J" * 100)


@contextlib.contextmanager
def partner(handler=Answer, offset=0):
    handler.offset = offset
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer((PARTNER_ADDRESS, 389), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def ask(address):
    return installation.execute("python3", "-c", ASK.format(address=address), environment={
        "PYTHONPATH": f"{installation.SOURCE}/daemon/samba"})[1].strip()


def asked(dc, t):
    """A real Samba, as a partner is one."""
    dc.configure()
    dc.start()
    t.equal(ask(dc.address), "True", "a domain controller says what time it has")
    dc.stop()
    t.equal(ask(dc.address), "None", "one that does not run does not")
    with partner(Junk):
        t.equal(ask(PARTNER_ADDRESS), "None", "nor somebody who answers something else")


def bounded(dc, t, name, after, now):
    """The version is above what was, and not further than such a controller may be behind."""
    version = after["written"]["version"]
    newest = now - YEAR_2000
    t.ok(newest - 4 * DAY < version < newest + 181 * DAY, f"{name}: the version is bounded") or \
        t.note(f"{version}, {newest}")


def sole(dc, t):
    """Nobody is asked, and nothing refused."""
    for offset in OFFSETS:
        dc.restore("adopted")
        status, output = dc.safeguard("before-start", program=wrong(offset))
        after = dc.facts()
        t.ok(status == 0 and after["generation"] == dc.id and "Traceback" not in output,
             f"{offset} s: a sole controller is repaired") or t.note(f"{status}: {output}")
        bounded(dc, t, offset, after, time.time())
        t.equal("set the clock" in output, offset < 0, "a clock that is behind is named")
        for command in ("--check", "verify", "repair"):
            status, output = dc.safeguard(command, program=wrong(offset))
            t.ok("Traceback" not in output, f"{command}: no traceback") or t.note(output)


def known(dc, t):
    """One that is set by another is right, as far as versions can count."""
    for offset, most in ((YEAR, True), (60 * YEAR, True), (140 * YEAR, False)):
        dc.restore("adopted")
        before = dc.facts()["written"]["version"]
        dc.must("before-start", program=wrong(offset, "set"))
        got = dc.facts()["written"]["version"]
        want = int(time.time() + offset - YEAR_2000) if most else before + 1
        t.ok(abs(got - want) < 120, f"{offset} s, set by another: {got}")
    dc.restore("adopted")
    dc.must("before-start", program=wrong(140 * YEAR, "set"))
    dc.new_id()
    dc.must("before-start")
    now = time.time() - YEAR_2000
    t.ok(now - 120 < dc.facts()["written"]["version"] <= now,
         "after that an honest clock lifts higher")


def refused(dc, t):
    """The clock comes before any advice to remove the controller."""
    old = dc.facts()
    for name, offset, hardware, answer, status, first in (
            ("nobody knows", YEAR, "none", None, 10, "if the clock is wrong, set it"),
            ("the hardware knows better", YEAR, 0, None, 1, "the hardware clock says"),
            ("a partner knows better", YEAR, YEAR, 0, 1, f"{PARTNER_ADDRESS} says"),
            ("a partner with the same clock", YEAR, YEAR, YEAR, 10,
             "objects deleted since"),
            ("behind, and too old by a partner's", -YEAR, "none", YEAR, 1, "may be too old")):
        dc.restore("partner")
        before = dc.facts()
        with contextlib.nullcontext() if answer is None else partner(offset=answer):
            got, output = dc.safeguard("before-start", program=wrong(offset, "free", hardware))
        t.equal((got, first in output, "Traceback" in output), (status, True, False),
                f"{name}: it says \"{first}\"") or t.note(output)
        demote = output.find("demote")
        t.ok(demote < 0 if status == 1 else demote > output.find("the clock says") >= 0,
             "the clock first") or t.note(output)
        t.equal(dc.fence.exists(), status == 10, "fenced only if an administrator has to decide")
        t.equal(dc.facts(), before, "the database is as it was")
        if dc.fence.exists():
            text = dc.fence.read_text("utf-8")
            t.ok(len(text) <= 512 and "dead-server=DC1" in text and
                 "--force repair --configfile=" in text, "the fence has all of it") or t.note(text)
    dc.restore("partner")
    t.equal(dc.safeguard("before-start", program=wrong(YEAR))[0], 10, "refused once more")
    dc.fence.unlink()
    dc.must("before-start")
    t.ok(dc.facts()["invocation"] != old["invocation"],
         "with the right clock, and without the fence, it is repaired")
    dc.restore("partner")
    dc.must("repair", "--force", program=wrong(YEAR))
    bounded(dc, t, "--force", dc.facts(), time.time())


def behind(dc, t):
    for answer in (None, 0):
        dc.restore("partner")
        with contextlib.nullcontext() if answer is None else partner(offset=answer):
            status, output = dc.safeguard("before-start", program=wrong(-20 * YEAR))
        t.equal((status, "the clock says 20" in output and "set the clock" in output,
                 dc.facts()["generation"]), (0, True, dc.id),
                "behind: repaired, and it is told") or t.note(output)
        t.equal(f"{PARTNER_ADDRESS} says" in output, answer == 0, "with what a partner says")


def at_the_end(dc, t):
    """A version that cannot grow any more is no reason for a traceback."""
    dc.restore("adopted")
    before = installation.run("python3", f"{installation.GUEST}/lifted.py", dc.configuration,
                              "4294967295")
    status, output = dc.safeguard("before-start")
    t.equal((status, "cannot grow any more" in output), (10, True),
            f"the last version there is: {before}") or t.note(output)


def scenario(_suite, t):
    subprocess.run(["ip", "addr", "add", f"{PARTNER_ADDRESS}/32", "dev", "lo"], check=True)
    dc = Alone()
    dc.must("repair")
    subprocess.run(["ip", "addr", "add", f"{dc.address}/32", "dev", "lo"], check=True)
    asked(dc, t)
    dc.snapshot("adopted")
    dc.add_partner(PARTNER_ADDRESS)
    dc.snapshot("partner")
    dc.restore("adopted")
    dc.new_id()
    for test in (sole, known, refused, behind, at_the_end):
        test(dc, t)


if __name__ == "__main__":
    installation.main(scenario)
