#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""In a guest: makes one user after the other on a domain controller, as fast as it answers.

usage: writer PREFIX CONNECTIONS LOG

A line of the log is an event, the time since boot in nanoseconds, and what belongs to it: when a
connection was had, when a user was there and which generation ID the machine had by then, and when
the controller's processes were frozen. When the controller goes away it connects again; it ends a
few users after the last connection.
"""

import os
import select
import sys
import time
import urllib.parse

import ldb
import samba
import samba.param

ENOUGH = 3
GUID = "/proc/sys/dev/vmgenc/0/guid"
EVENTS = "/sys/fs/cgroup/system.slice/samba-ad-dc.service/cgroup.events"


def note(log, event, *words):
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    os.write(log, (" ".join((event, str(now), *map(str, words))) + "\n").encode())


def watch(log):
    with open(EVENTS, encoding="ascii") as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        frozen = False
        while True:
            events.seek(0)
            try:
                text = events.read()
            except OSError:     # the cgroup has been removed
                text = "populated 0"
            if "populated 0" in text:
                return note(log, "gone")
            # Not what comes after that: processes that are being killed count as thawed.
            if not frozen and "frozen 1" in text:
                frozen = True
                note(log, "frozen")
            poll.poll()


def connect(parameters):
    """Over the socket that takes whoever can open it for the system itself."""
    path = parameters.private_path("ldap_priv/ldapi")
    while True:
        try:
            directory = samba.Ldb(f"ldapi://{urllib.parse.quote(path, safe='')}", lp=parameters)
            root = directory.search("", ldb.SCOPE_BASE, attrs=["defaultNamingContext"])[0]
            return directory, str(root["defaultNamingContext"])
        except ldb.LdbError:
            time.sleep(0.5)


def write(directory, domain, name, log, connection):
    directory.add({"dn": f"CN={name},CN=Users,{domain}", "objectClass": "user",
                   "sAMAccountName": name})
    with open(GUID, encoding="ascii") as file:
        note(log, "written", connection, name, file.read().strip())


def main(prefix, connections, path):
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # A process of its own, because a write that is not answered holds up all threads.
    if not os.fork():
        watch(log)
        os._exit(0)
    parameters = samba.param.LoadParm()
    parameters.load_default()
    number = 0
    for connection in range(1, int(connections) + 1):
        directory, domain = connect(parameters)
        note(log, "connected", connection)
        last = number + ENOUGH if connection == int(connections) else sys.maxsize
        try:
            while number < last:
                number += 1
                write(directory, domain, f"{prefix}{number}", log, connection)
        except ldb.LdbError as error:
            note(log, "failed", connection, f"{prefix}{number}", error.args[0])
    note(log, "end")


if __name__ == "__main__":
    main(*sys.argv[1:])
