# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The servers: the unit of Samba, and that of BIND where it works on Samba's database
(BIND9_DLZ). Without systemd, or with --no-unit, there is nobody to start or stop."""

import os
import subprocess
import time

from samba_ad import holders
from samba_ad.ends import Failure, Superseded
from samba_ad.log import TRANSACTIONS_ABORTED, event, say

# bind9.service is another name of it, or an older one.
DNS_UNITS = ("named.service", "bind9.service", "named-chroot.service")
RUNNING = ("active", "reloading", "activating", "deactivating")
CGROUPS = "/sys/fs/cgroup"
SYSTEMCTL_SECONDS = 30
# For what a guard can do without.
QUICK_SECONDS = 5
CGROUP_SECONDS = 5
STOP_SECONDS = 30
START_SECONDS = 180
# Samba answers soon after its start, and a role that it holds back is missed meanwhile; a partner
# that was down is back after a minute, or it takes longer.
CHECK_FIRST = 10
CHECK_AFTER = 60
CHECK_LATER = 3600


def systemctl(*arguments, timeout):
    """(exit status, output); a timeout is a failure."""
    try:
        done = subprocess.run(["systemctl", *arguments], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              check=False)
    except subprocess.TimeoutExpired:
        return -1, f"systemctl {' '.join(arguments)} took more than {timeout} seconds"
    except OSError as e:
        return -1, f"systemctl: {e.strerror}"
    return done.returncode, done.stdout.strip()


def show_all(units, properties="Id,ActiveState,ControlGroup,MainPID", seconds=SYSTEMCTL_SECONDS):
    """[{property: value}] of what is asked here."""
    status, output = systemctl("show", f"--property={properties}", *units, timeout=seconds)
    if status:
        raise Failure(f"systemd does not tell of {' and '.join(units)}: {output}")
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            for block in output.split("\n\n")]


def show(unit, *arguments, **named):
    return show_all([unit], *arguments, **named)[0]


def is_running(unit):
    return show(unit).get("ActiveState") in RUNNING


def dns_unit():
    """[the unit of BIND] if that works on a database of Samba, as the service manager knows it."""
    found = [known["Id"] for known in show_all(DNS_UNITS)
             if "Id" in known and known.get("MainPID", "0") != "0" and
             holders.has_database(known["MainPID"])]
    return list(dict.fromkeys(found))


# To freeze is not left to systemctl: a unit that systemd knows to be frozen it thaws to stop it
# (252), so that what is under way is written yet, or does not stop and start at all (257).

class Cgroup:
    """The processes of a unit; it is gone when they are."""

    def __init__(self, unit):
        self.directory = f"{CGROUPS}/system.slice/{unit}"
        # Where it mostly is, nobody has to be asked, who may not answer.
        if not os.path.isdir(self.directory):
            path = show(unit).get("ControlGroup")
            self.directory = f"{CGROUPS}{path}" if path and path != "/" else None

    def read(self, name):
        try:
            with open(f"{self.directory}/{name}", encoding="ascii") as f:
                return f.read()
        except OSError:
            return ""

    def has(self, event):
        return self.directory is not None and event in self.read("cgroup.events").splitlines()

    def is_frozen(self):
        return self.directory is not None and self.read("cgroup.freeze").strip() == "1"

    def freeze(self):
        """Whether it is frozen now: not without the unified hierarchy."""
        if not self.directory:
            return False
        try:
            with open(f"{self.directory}/cgroup.freeze", "w", encoding="ascii") as f:
                f.write("1")
        except OSError:
            return False
        return self.wait(lambda: self.has("frozen 1"))

    def wait_empty(self):
        return self.wait(lambda: not self.has("populated 1"))

    def wait(self, condition):
        deadline = time.monotonic() + CGROUP_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


class Services:
    def __init__(self, unit, state, marker, enabled=True):
        self.unit = unit
        self.state = state
        self.marker = marker
        self.enabled = enabled and os.path.isdir("/run/systemd/system")

    def running(self):
        return self.enabled and is_running(self.unit)

    def frozen(self):
        return self.enabled and Cgroup(self.unit).is_frozen()

    def halt(self):
        """Has Samba do nothing from now on, at once; what it was is remembered. Returns the units:
        none if it does not run. Nothing is written to a disk before all of it has stopped."""
        if not self.enabled:
            return []
        halted, failure = [], None
        for first in (True, False):
            for find in (lambda: [self.unit], dns_unit):
                try:
                    for unit in find():
                        group = Cgroup(unit)
                        if unit in halted and group.is_frozen():
                            continue
                        if group.has("populated 1") or is_running(unit):
                            halted.append(unit)
                            self.still(unit)
                except Failure as e:
                    failure = e
            if first:
                # Then once more: an older repair may have started it before it could see this.
                self.marker.set()
        for unit in dict.fromkeys(halted):
            self.remember(unit)
        if failure:
            raise failure
        return halted

    def still(self, unit):
        group = Cgroup(unit)
        # The first hook has done that itself, because a shell begins sooner than this program.
        if group.is_frozen() and group.wait(lambda: group.has("frozen 1")) or group.freeze():
            say(f"{unit} is frozen")
            return
        say(f"{unit} cannot be frozen, so it is stopped")
        self.end(unit)

    def halt_one(self, unit):
        try:
            self.still(unit)
        finally:
            self.remember(unit)

    def remember(self, unit):
        """A disk that is full must not keep Samba running, or frozen."""
        try:
            self.state.add_taken_down([unit])
        except (Failure, OSError) as e:
            say(f"it cannot be noted that {unit} was running ({e}), so nothing starts it again: "
                f"systemctl start {unit}")

    def end(self, unit):
        group = Cgroup(unit)
        if group.is_frozen():
            # For the database this is a power cut, which its transactions are made for.
            event(TRANSACTIONS_ABORTED, f"{unit} is killed: what it had not committed when it was "
                  "frozen is lost, because the machine was put back")
            systemctl("kill", "--signal=KILL", unit, timeout=SYSTEMCTL_SECONDS)
            group.wait_empty()
        status, output = systemctl("stop", unit, timeout=STOP_SECONDS)
        if status or is_running(unit):
            raise Failure(f"{unit} could not be stopped: {output or 'it is still there'}")

    def take_down(self):
        """Ends all processes of Samba and of its DNS server."""
        if not self.enabled:
            return
        if is_running(self.unit):
            self.end_at_once(self.unit)
        self.take_down_dns()

    def take_down_dns(self):
        """Alone where Samba itself is just being started, and waits for this program."""
        if not self.enabled:
            return
        for unit in dns_unit():
            self.end_at_once(unit)

    def end_at_once(self, unit):
        if unit not in self.state.taken_down() or not Cgroup(unit).is_frozen():
            self.halt_one(unit)
        if is_running(unit):
            self.end(unit)

    def bring_up(self, wait, but=()):
        """Starts what was taken down. With wait, a start that fails is a failure; without, the
        system may be at a point of its boot at which nothing may wait for a unit."""
        if not self.enabled:
            return
        units = [unit for unit in self.state.taken_down() if unit not in but]
        if self.marker.is_newer():
            raise Superseded(units)
        if units:
            self.start(units, wait)
        self.state.forget_taken_down()
        if self.marker.is_newer():
            # Its guard may have come before there was anything to freeze.
            for unit in units:
                self.halt_one(unit)
            raise Superseded(units)
        if units:
            say(f"{' and '.join(units)} {'started' if wait else 'is being started'} again")

    def start(self, units, wait):
        """Ends early where a newer guard freezes what is starting: its repair waits for us."""
        words = ["systemctl", "start", *([] if wait else ["--no-block"]), *units]
        deadline = time.monotonic() + START_SECONDS
        # In memory: a disk that is full must not keep Samba down.
        with open(os.memfd_create("systemctl"), "w+b") as output:
            with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT) as process:
                while process.poll() is None and time.monotonic() < deadline and \
                        not self.marker.is_newer():
                    time.sleep(0.1)
                process.kill()
            output.seek(0)
            text = output.read().decode(errors="replace").strip()
        if process.returncode and not self.marker.is_newer():
            raise Failure(f"{' and '.join(units)} did not start: "
                          f"{text or f'it took more than {START_SECONDS} seconds'}")

    def arm_check(self, command, seconds):
        """Has the command run later, also if this process ends; whether that is so."""
        if not self.enabled:
            return False
        try:
            done = subprocess.run(
                ["systemd-run", "--quiet", "--no-block", "--collect", f"--on-active={seconds}",
                 "--timer-property=AccuracySec=1s",
                 # If somebody kills it.
                 "--property=Restart=on-abnormal", f"--property=RestartSec={CHECK_AFTER}",
                 "--description=Check that the repair of Samba has lasted", "--", *command],
                stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=SYSTEMCTL_SECONDS, check=False)
            error = done.stdout.strip() if done.returncode else ""
        except (OSError, subprocess.TimeoutExpired) as e:
            error = str(e)
        if error:
            say(f"the check in {seconds} seconds could not be arranged ({error}); run it by hand: "
                f"{' '.join(command)}")
        return not error
