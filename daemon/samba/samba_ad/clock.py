# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""What time it is, and who else says so. The clock of a machine that was put back may be wrong by
years: by it the age of a database is told, and how far the versions of attributes are lifted."""

import calendar
import ctypes
import re
import socket
import threading
import time

from samba_ad import file

DAY = 86400
# More than an hour for Kerberos and a time zone for a hardware clock that shows local time.
MOST_DIFFERENCE = DAY
# What adjtimex(2) returns of a clock that nobody sets; the structure is shorter than that.
TIME_ERROR = 5
TIMEX_SIZE = 512
RTC = "/sys/class/rtc/rtc0/since_epoch"
# Versions have 32 bits, count the seconds since 2000, and must be able to grow after that.
YEAR_2100 = 4_102_444_800
# A search for currentTime of the root of a directory, which needs no password.
QUESTION = (b"\x30\x32\x02\x01\x01\x63\x2d\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00"
            b"\x01\x01\x00\x87\x0bobjectClass\x30\x0d\x04\x0bcurrentTime")
ANSWER = re.compile(rb"currentTime.{2,12}?(\d{14})\.0Z", re.DOTALL)
HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
LDAP_PORT = 389
SECONDS = 3
MOST_PARTNERS = 8
HARDWARE = "the hardware clock"


def date(when, form="%Y-%m-%d %H:%M"):
    """For a message."""
    try:
        return time.strftime(form, time.gmtime(when))
    except (OverflowError, OSError, ValueError):
        return f"{when:.0f} seconds since 1970"


def day(when):
    return date(when, "%Y-%m-%d")


def synchronised():
    """Whether somebody sets the clock by another one, as the kernel knows it. Just after a resume
    it knows what was so before, but then the clock is behind."""
    try:
        return ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_SIZE)) \
            not in (-1, TIME_ERROR)
    except (OSError, AttributeError):
        return False


def hardware():
    """Or None. At a boot the clock is set by it, so it is no witness for the clock."""
    try:
        return int(file.read(RTC) or "")
    except (OSError, ValueError):
        return None


def ask(host):
    """What time a domain controller has, or None. Anybody may answer in its name, so it counts
    only for what is said, and for more care."""
    data = b""
    deadline = time.monotonic() + SECONDS
    try:
        with socket.create_connection((host, LDAP_PORT), SECONDS) as s:
            s.settimeout(1)
            s.sendall(QUESTION)
            while not (found := ANSWER.search(data)) and len(data) < 4096 and \
                    time.monotonic() < deadline:
                part = s.recv(4096)
                if not part:
                    return None
                data += part
        return calendar.timegm(time.strptime(found[1].decode(), "%Y%m%d%H%M%S")) if found else None
    except (OSError, ValueError, OverflowError):
        return None


def others(dc):
    """{who: seconds since 1970}"""
    found = {HARDWARE: hardware()}
    hosts = [str(host) for ntds in dc.partners()
             for host in dc.values(ntds.parent(), "dNSHostName")[:1]]
    # A name may take long to be resolved: nobody waits for such a thread.
    threads = [threading.Thread(target=lambda host=host: found.update({host: ask(host)}),
                                daemon=True)
               for host in hosts[:MOST_PARTNERS] if HOST_NAME.fullmatch(host)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 2 * SECONDS
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return {who: when for who, when in dict(found).items() if when is not None}


def against(witnesses):
    """What of these says that the clock is wrong, for a message, or ""."""
    now = time.time()
    return " and ".join(f"{who} says {date(when)}" for who, when in sorted(witnesses.items())
                        if abs(when - now) > MOST_DIFFERENCE)


def latest(witnesses):
    return max(witnesses.values(), default=0)


def sure(witnesses):
    """Whether somebody else confirms it, where nobody is against it."""
    return synchronised() or any(who != HARDWARE for who in witnesses)


def of_versions(newest, days):
    """To which time versions are lifted, so that they are above those of the lost time.
    newest: of the entries of the database, so a machine that was just resumed and thinks that it is
    still then comes no lower. Nobody knows whether a clock that is not set by another is ahead; as
    far as such a controller may be behind at all, days, it may be right. One that is lifted further
    would win over all that an honest clock lifts later; one that is lifted too little is found by
    the check after the repair, which lifts it once more."""
    now = time.time()
    if not synchronised() and newest:
        now = min(now, newest + days * DAY)
    elif newest > now + MOST_DIFFERENCE:
        newest = 0
    when = max(now, newest)
    return when if when < YEAR_2100 else 0
