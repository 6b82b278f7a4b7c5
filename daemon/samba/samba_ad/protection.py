# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Has a unit of another name, or a Samba that lies elsewhere, be looked after as that of the
distribution is: at each of its starts, and by the hooks."""

import os
import shlex
import sys

from samba_ad import ends, file, installations, options as command_line, units
from samba_ad.crew import NOTICE, notice_name
from samba_ad.installations import Installation, Unit
from samba_ad.log import say
from samba_ad.notices import Notices
from samba_ad.state import State, UNIT

DROP_IN = """# Written by vmgend-samba-ad protect.
[Service]
TimeoutStartSec=300
# Without that program, because its package was removed, the unit starts as it did before.
ExecStartPre=+/bin/sh -c 'test ! -e {program} || exec {command}'
"""


def drop_in(unit):
    return f"/etc/systemd/system/{unit}.d/vmgen.conf"


def check_command(options):
    """prefix and configfile are in the file."""
    options.from_file += installations.KEYS
    words = [os.path.abspath(sys.argv[0]), *command_line.repeat(options, "before-start")]
    words = [word for word in words if not word.startswith("--unit=")]
    for word in words:
        # It goes through a unit file and a shell.
        if word != shlex.quote(word):
            raise ends.Failure(f"{word} cannot be written into a unit: say a path of letters, "
                               "digits and -_./ only")
    # % has a meaning there.
    return " ".join([*(word.replace("%", "%%") for word in words), "--unit=%n"])


def require_server(p):
    """A unit with a mistake in its name would be protected for nothing."""
    if not p.services.enabled:
        raise ends.Failure("systemd does not run here, so there is no unit to protect")
    unit = Unit(p.options.unit)
    if unit.name != p.options.unit:
        raise ends.Failure(f"{p.options.unit} is another name of {unit.name}: say --unit="
                           f"{unit.name}")
    if not unit.words:
        raise ends.Failure(f"{unit.name} starts nothing: systemctl list-units '*samba*' tells "
                           "what there is")


def write(p):
    options = p.options
    found = Installation(options.unit, *(os.path.abspath(value) if value else None for value in
                                         (options.prefix, options.configfile)))
    name = drop_in(options.unit)
    command = check_command(options)
    text = DROP_IN.format(command=command, program=command.split()[0])
    if options.dry_run:
        say(f"would write {installations.path(options.unit)} and {name}")
        return
    installations.write(found)
    os.makedirs(os.path.dirname(name), mode=0o755, exist_ok=True)
    file.replace(name, text)
    os.chmod(name, 0o644)
    say(f"{installations.path(options.unit)} and {name} are written")
    status, output = units.systemctl("daemon-reload", timeout=units.SYSTEMCTL_SECONDS)
    if status or not Unit(options.unit).checks:
        raise ends.Failure(f"systemd did not take {name}: {output or 'its command is not run'}; "
                           "when that is fixed: systemctl daemon-reload")
    Notices(State(options.state_directory, UNIT)).clear(NOTICE + notice_name(options.unit))
