# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""SYSVOL, which Samba does not replicate: scripts copy it, mostly from one controller to all the
others. If that one goes back it gives old policies to the whole domain, so it is marked, and
scripts can test the mark. The mark is beside SYSVOL and not in it, where it would be copied as
well."""

import os
import re
import shlex
import stat
import time

import ldb

from samba_ad import ends, file, log, options as command_line, partners

MARK = "sysvol-is-old"
POLICY = re.compile(r"\{[0-9A-Fa-f-]{36}\}")
VERSION = re.compile(r"(?im)^\s*Version\s*=\s*(\d+)\s*$")
# What Windows and Samba write has about 50.
MOST_BYTES = 4096


def replicas(dc):
    """The hosts of those partners that have this domain, and so its SYSVOL; of one that does not
    say what it has nobody knows."""
    domain = str(dc.samdb.get_default_basedn()).lower()
    return [p.host or p.name for p in partners.find(dc)
            if not p.all or domain in [nc.lower() for nc in p.all]]


def mark(p, dc):
    hosts = replicas(dc)
    if not hosts:
        return
    if p.options.dry_run:
        log.say(f"would mark SYSVOL as old: {p.state.path(MARK)}")
        return
    p.state.write(MARK, time.strftime("%Y-%m-%dT%H:%M:%SZ\n", time.gmtime()))
    path = shlex.quote(place(dc))
    p.notices.set("sysvol", f"SYSVOL of {dc.name} is as old as the snapshot, and Samba does not "
                  f"replicate it. Copy it to no other domain controller (a script can test "
                  f"{p.state.path(MARK)}), but from one that has the newest policies, as root: "
                  f"rsync -XAaz --delete-after {hosts[0]}:{path}/ {path}/ && "
                  f"{command_line.samba_tool(p.options, 'ntacl', 'sysvolreset')} && "
                  f"{command_line.by_hand(p.options, 'sysvol-done')}")
    log.event(log.SYSVOL_OLD, f"SYSVOL of {dc.name} ({path}) is old, and has to be copied from "
              f"{' or '.join(hosts[:3])}; until then there is {p.state.path(MARK)}")


def done(p, dc):
    """Raises Failure if it is certainly not."""
    old = [] if p.options.force else old_policies(dc)
    if old:
        again = command_line.by_hand(p.options, "--force", "sysvol-done")
        raise ends.Failure(f"SYSVOL is still old: {'; '.join(old[:3])}. If no domain controller "
                           f"has a newer one: {again}")
    if p.options.dry_run:
        log.say("would take away the mark that SYSVOL is old")
        return
    there = file.remove(p.state.path(MARK))
    p.notices.clear("sysvol")
    log.say("SYSVOL is not marked as old any more" if there else "SYSVOL was not marked as old")


def place(dc):
    return dc.lp.get("path", "sysvol") or "/var/lib/samba/sysvol"


def old_policies(dc):
    """Those of which the database knows a newer version than the files are: a sentence each."""
    top = os.path.join(place(dc), dc.domain.lower(), "Policies")
    found = []
    for record in dc.search(dc.samdb.get_default_basedn(), ["cn", "versionNumber"],
                            ldb.SCOPE_SUBTREE, "(objectClass=groupPolicyContainer)"):
        name, wanted = str(record.get("cn", "")), str(record.get("versionNumber", "0"))
        if not POLICY.fullmatch(name) or not wanted.isdecimal():
            continue
        have = file_version(os.path.join(top, name))
        if have is None:
            found.append(f"policy {name} is missing there")
        elif have < int(wanted):
            found.append(f"policy {name} has version {have} there, and {wanted} in the database")
    return found


def file_version(directory):
    """None: there is none that can be read."""
    try:
        names = [n for n in os.listdir(directory) if n.lower() == "gpt.ini"]
        fd = os.open(os.path.join(directory, names[0]),
                     os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, IndexError):
        return None
    with open(fd, "rb") as f:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        found = VERSION.search(f.read(MOST_BYTES).decode("latin-1"))
    return int(found[1]) if found else None
