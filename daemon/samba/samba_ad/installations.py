# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Which installations of Samba are looked after: those that the administrator has a file for, which
is named like the unit, and units that run the system's own Samba."""

import collections
import configparser
import fnmatch
import os
import re

from samba_ad import file, places, trust, units
from samba_ad.ends import Failure
from samba_ad.state import UNIT

DIRECTORY = "/etc/vmgen/samba-ad.d"
USUAL = "/etc/samba/smb.conf"
# Control groups of controllers that are looked after in their containers.
ELSEWHERE = "/etc/vmgen/samba-ad-elsewhere"
KEYS = ("prefix", "configfile")
# As protection.py writes it.
GUARDED = re.compile(r"/bin/sh -c test ! -e (\S+) \|\| exec (\1 .*)")
# None: Samba's own, that of the system.
Installation = collections.namedtuple("Installation", "unit prefix configfile")


def path(unit):
    return os.path.join(DIRECTORY, unit)


def settings(unit):
    """{key: value} of the file of this unit, where it has one."""
    name = path(unit)
    if not os.path.exists(name):
        return {}
    trust.require(name)
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    try:
        parser.read_string(file.read(name) or "", name)
    except configparser.Error as e:
        raise Failure(f"{name}: {' '.join(str(e).split())}") from None
    if unknown := [s for s in parser.sections() if s != "samba"]:
        raise Failure(f"{name}: [{unknown[0]}] is not known, only [samba]")
    found = dict(parser["samba"]) if parser.has_section("samba") else {}
    for key, value in found.items():
        if key not in KEYS:
            raise Failure(f"{name}: {key} is not known, only {', '.join(KEYS)}")
        if not os.path.isabs(value):
            raise Failure(f"{name}: {key} is no path from / on: {value}")
    return found


def apply(options):
    """The command line comes first."""
    found = settings(options.unit)
    for key in KEYS:
        if key in found and getattr(options, key) is None:
            setattr(options, key, found[key])
            options.from_file.append(key)


def configured():
    """[the units that have a file]"""
    try:
        return sorted(n for n in os.listdir(DIRECTORY) if places.UNIT_NAME.fullmatch(n))
    except OSError:
        return []


def write(installation):
    file.make_directory(DIRECTORY)
    lines = ["[samba]"] + [f"{key} = {value}" for key, value in
                           zip(KEYS, installation[1:]) if value]
    file.replace(path(installation.unit), "\n".join(lines) + "\n")


def elsewhere(group):
    if not os.path.exists(ELSEWHERE):
        return False
    trust.require(ELSEWHERE)
    lines = [line.strip() for line in (file.read(ELSEWHERE) or "").splitlines()]
    return any(fnmatch.fnmatchcase(group, line) for line in lines if line[:1] != "#")


class Unit:
    """What the service manager tells of a unit that runs a server."""

    def __init__(self, name):
        found = units.show(name, "Id,ExecStart,ExecStartPre,RootDirectory,RootImage",
                           units.QUICK_SECONDS)
        self.command = re.search(r"argv\[\]=(.*?) ; ignore_errors=", found.get("ExecStart", ""))
        self.words = self.command[1].split() if self.command else []
        self.other_root = bool(found.get("RootDirectory") or found.get("RootImage"))
        self.name = found.get("Id") or name
        self.checks = any(self.is_check(text) for text in
                          re.findall(r"argv\[\]=(.*?) ; ignore_errors=no",
                                     found.get("ExecStartPre", "")))

    def is_check(self, text):
        """Whether it fails while this unit must not start."""
        guarded = GUARDED.fullmatch(text)
        if guarded and os.access(guarded[1], os.X_OK):
            text = guarded[2]
        words = text.split()
        return os.path.basename(words[0]) == "vmgend-samba-ad" and "before-start" in words and \
            f"--unit={self.name}" in [*words, *([] if "--unit=" in text else [f"--unit={UNIT}"])]

    def starts_samba(self):
        return bool(self.words) and os.path.basename(self.words[0]) == places.SERVER

    def configfile(self):
        """That of its command line, or None."""
        for i, word in enumerate(self.words):
            for option in ("--configfile=", "-s"):
                if word == option.rstrip("="):
                    return self.words[i + 1] if i + 1 < len(self.words) else None
                if word.startswith(option):
                    return word[len(option):]
        return None

    def installation(self):
        """Where nothing has to be said about it: the system's Samba below another name."""
        if not self.starts_samba() or self.words[0] not in places.PACKAGED or self.other_root:
            return None
        configfile = self.configfile()
        return Installation(self.name, None, None if configfile == USUAL else configfile)
