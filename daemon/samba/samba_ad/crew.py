# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""A command for all domain controllers of this machine: a process for each, because each may need
other Python modules; and what is told of those that nothing can be done for."""

import os
import shlex
import subprocess
import sys

from samba_ad import ends, installations, places
from samba_ad.installations import Installation, Unit
from samba_ad.log import say
from samba_ad.marker import started
from samba_ad.notices import Notices
from samba_ad.state import State, UNIT

NOTICE = "place-"
# The names of units and groups may be long, and a notice has one line.
SHOWN = 160
# Each command has limits of its own, of which a repair of a large database has the longest.
SECONDS = 3600


def notice_name(where):
    """Of a unit or a group; no @, which parts the unit from the name of a notice."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "." for c in where)


class Crew:
    def __init__(self, options):
        self.options = options
        self.found = {}
        # {name for the notice: sentence}
        self.unprotected = {}

    def add(self, installation):
        """One unit for each database: that which runs, which is asked for first."""
        if all(known[1:] != installation[1:] for known in self.found.values()):
            self.found.setdefault(installation.unit, installation)

    def add_configured(self, unit):
        try:
            found = installations.settings(unit)
            self.add(Installation(unit, found.get("prefix"), found.get("configfile")))
        except ends.Failure as e:
            self.unprotected[unit] = f"{unit} is not protected: {e}"

    def collect(self):
        configured = installations.configured()
        running = places.running()
        for place in running:
            if not self.is_elsewhere(place):
                self.sort(place, configured)
        for unit in State.units_taken_down(self.options.state_directory) + started() + configured:
            if unit not in self.unprotected and unit not in self.found:
                self.add_silent(unit, configured)
        there = any(os.path.exists(name) for name in places.PACKAGED)
        if UNIT not in self.unprotected and (there or not self.found and not self.unprotected):
            self.add_configured(UNIT)
        if not running and (others := places.rootless()):
            say(f"process {others[0]} in a container of another user is called samba; if it is a "
                "domain controller, nothing protects it: run it where root is the system's")

    def add_silent(self, unit, configured):
        """It does not run now, maybe because it was stopped for a repair."""
        if unit in configured or unit == UNIT:
            self.add_configured(unit)
            return
        try:
            if found := Unit(unit).installation():
                self.add(found)
        except ends.Failure as e:
            self.unprotected[unit] = f"{unit} is left as it is, because {e}"

    def is_elsewhere(self, place):
        try:
            return installations.elsewhere(place.group)
        except ends.Failure as e:
            say(str(e))
            return False

    def sort(self, place, configured):
        unit = place.unit
        if unit in configured or unit == UNIT and place.program in places.PACKAGED:
            self.add_configured(unit)
            return
        if unit is None:
            self.tell(place, self.no_unit(place))
            return
        try:
            known = Unit(unit)
        except ends.Failure as e:
            self.tell(place, f"because {e}; to protect it: {self.protect(place)}")
            return
        found = known.installation() if place.program in places.PACKAGED else None
        if not found:
            self.tell(place, f"to protect it: {self.protect(place, known)}")
            return
        self.add(found)
        if not known.checks:
            self.unprotected[unit] = (f"{unit} runs a domain controller that is not checked when it "
                                      f"starts: {self.protect(place, known)}")

    def no_unit(self, place):
        group = places.printable(place.group)[:SHOWN]
        if not place.apart:
            return ("and no service of systemd: have one start it, then: vmgend-samba-ad protect "
                    "--unit=NAME")
        remedy = ("in a container: install vmgend and vmgend-samba in it, and give it CAP_SYS_ADMIN "
                  "in the initial user namespace, or run the controller outside (not tried)")
        if group == "/":
            return remedy
        return (f"{remedy}; when that is done, and so that this is not told again: "
                f"echo {shlex.quote(group)} >>{installations.ELSEWHERE}")

    def protect(self, place, known=None):
        words = ["vmgend-samba-ad", "protect", f"--unit={place.unit}"]
        if place.program not in places.PACKAGED:
            above = os.path.dirname(os.path.dirname(place.program))
            words.append(f"--prefix={places.printable(above)}")
        if known and known.configfile():
            words.append(f"--configfile={places.printable(known.configfile())}")
        return shlex.join(words)

    def tell(self, place, remedy):
        program = places.printable(place.program)[:SHOWN]
        where = places.printable(place.unit or place.group)[:SHOWN]
        self.unprotected[where] = (f"process {place.pid} ({program} of {where}) is a domain "
                                   f"controller that nothing protects, {remedy}")

    def note(self):
        """For "vmgenctl check"; what is no longer so goes away."""
        notices = Notices(State(self.options.state_directory, UNIT))
        names = {NOTICE + notice_name(where): text for where, text in self.unprotected.items()}
        for name, _ in notices.all():
            if name.startswith(NOTICE) and name not in names:
                notices.clear(name)
        for name, text in names.items():
            notices.set(name, text)


def command(installation, arguments):
    words = [f"--unit={installation.unit}"]
    for key in ("prefix", "configfile"):
        if value := getattr(installation, key):
            words.append(f"--{key}={value}")
    return [sys.executable, "-IB", os.path.abspath(sys.argv[0]), *arguments, *words]


def run_each(found, arguments, at_once):
    """Their exit statuses. Each has its own bounds."""
    begun, statuses = [], []
    for installation in found:
        begun.append((installation, subprocess.Popen(command(installation, arguments))))
        if not at_once:
            statuses.append(wait(*begun.pop()))
    return statuses + [wait(*one) for one in begun]


def wait(installation, process):
    try:
        return process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        say(f"{installation.unit}: this took more than {SECONDS} seconds, and was killed: look what "
            "its files wait for, then: vmgend-samba-ad repair --unit="
            f"{installation.unit}")
        return ends.FAILED


def worst(statuses):
    for status in (ends.FENCED, ends.FAILED):
        if status in statuses:
            return status
    others = [s for s in statuses if s not in (ends.OK, ends.NOT_APPLICABLE)]
    return others[0] if others else ends.OK if ends.OK in statuses else ends.NOT_APPLICABLE


def name_one(options, found):
    """What an administrator says is said of one of them."""
    said = options.force or options.rolled_back or options.command == "sysvol-done"
    if said and len(found) > 1:
        raise ends.Failure(f"{', '.join(i.unit for i in found)} are domain controllers here: say "
                           "which with --unit=NAME")


def run(options, arguments, run_one):
    """run_one: for the usual case that there is one, in this process."""
    crew = Crew(options)
    crew.collect()
    found = list(crew.found.values())
    name_one(options, found)
    if found == [Installation(UNIT, None, None)]:
        statuses = [run_one(options)]
    else:
        statuses = run_each(found, arguments, not options.check)
    for text in crew.unprotected.values():
        say(text)
    if crew.unprotected:
        statuses.append(ends.FAILED)
    if not options.check and not options.dry_run:
        crew.note()
    return worst(statuses)
