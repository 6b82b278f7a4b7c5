# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""The command line."""

import argparse
import os
import shlex
import sys

from samba_ad.generation import GUID_FILE
from samba_ad.places import UNIT_NAME
from samba_ad.state import UNIT

STATE_DIRECTORY = "/var/lib/vmgen"
COMMANDS = {
    "stop": "freeze Samba, or stop it, because the machine was cloned or restored",
    "repair": "stop Samba, repair its database if that is due, and start it again",
    "before-start": "repair the database if that is due; fail if Samba must not start",
    "verify": "check that the last repair has lasted, and repeat it if not",
    "sysvol-done": "SYSVOL was copied from a partner: take the mark away that it is old",
    "protect": "have the hooks, and each start of the unit, look after this Samba",
}
FORCED = ("repair", "verify", "sysvol-done", None)


def unit_name(text):
    name = text if text.endswith(".service") else f"{text}.service"
    if len(name) > 240 or not UNIT_NAME.fullmatch(name):
        raise argparse.ArgumentTypeError(f'"{text}" is not the name of a service')
    return name


def word(*words):
    def check(text):
        if text not in words:
            raise argparse.ArgumentTypeError(f'"{text}" is none of {", ".join(words)}')
        return text
    return check


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        prog="vmgend-samba-ad", allow_abbrev=False,
        description="Repairs a Samba domain controller that was rolled back.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n" + "".join(f"  {n:<14}{t}\n" for n, t in COMMANDS.items()))
    parser.add_argument("command", metavar="COMMAND", nargs="?", choices=COMMANDS)
    parser.add_argument("--check", action="store_true", help="report, and change nothing")
    parser.add_argument("--dry-run", action="store_true",
                        help="print what the command would do, and change nothing")
    parser.add_argument("--force", action="store_true",
                        help="repair although that was refused, and lift the fence; with verify: "
                             "use the roles although no partner was heard")
    parser.add_argument("--rolled-back", action="store_true",
                        help="repair although the generation ID is the one on record, or there is "
                        "none: the database was put back by other means")
    parser.add_argument("--prefix", metavar="DIR", help="where a Samba built from source is")
    parser.add_argument("--configfile", metavar="SMB_CONF", help="instead of Samba's own")
    parser.add_argument("--guid-file", metavar="FILE", default=GUID_FILE,
                        help="where the generation ID is (default: %(default)s)")
    parser.add_argument("--state-directory", metavar="DIR", default=STATE_DIRECTORY,
                        help="where fences and records are (default: %(default)s)")
    parser.add_argument("--unit", metavar="NAME", type=unit_name,
                        help="the unit of Samba (default: all that run one)")
    parser.add_argument("--no-unit", action="store_true", help="start and stop nothing")
    parser.add_argument("--hint", metavar="WORD", type=word("clone", "rollback", "unknown"),
                        help="what the machine looks like: clone, rollback, unknown")
    parser.add_argument("--intent", metavar="WORD", type=word("clone", "restore"),
                        help="the declared intent: clone, restore")
    options = parser.parse_args(arguments)
    require(options, parser.error)
    options.state_directory = os.path.abspath(options.state_directory)
    options.every = options.command not in ("before-start", "protect") and not (
        options.unit or options.prefix or options.configfile or options.no_unit)
    options.unit = options.unit or UNIT
    # What of these its own file says, and so need not be said again.
    options.from_file = []
    # A drill.
    if os.environ.get("VMGEN_EVENT") == "test":
        options.dry_run = True
    own = os.path.join(os.path.dirname(os.path.realpath(sys.argv[0])), "../bin/vmgenctl")
    options.vmgenctl = own if os.path.exists(own) else "vmgenctl"
    return options


def require(options, error):
    """What belongs together."""
    if not options.command and not options.check:
        error("COMMAND is missing: " + ", ".join(COMMANDS))
    if options.command == "protect" and not options.unit:
        error("protect needs --unit=NAME")
    if options.force and options.command not in FORCED:
        error("--force is for the commands repair, verify and sysvol-done")
    if options.rolled_back and (options.command != "repair" or options.check):
        error("--rolled-back is for the command repair")


def repeat(options, *command):
    """The words after the name of this program that run another command with the same options."""
    words = [*command]
    for name, default in (("prefix", None), ("configfile", None), ("guid_file", GUID_FILE),
                          ("state_directory", STATE_DIRECTORY)):
        if name not in options.from_file and getattr(options, name) not in (None, default):
            words.append(f"--{name.replace('_', '-')}={os.path.abspath(getattr(options, name))}")
    if options.unit != UNIT or command == ("verify",):
        words.append(f"--unit={options.unit}")
    return words + (["--no-unit"] if options.no_unit else [])


def forced(options):
    """How to go on although it was refused, for messages."""
    return by_hand(options, "--force", "repair", *(["--rolled-back"] * options.rolled_back))


def by_hand(options, *command):
    """The same as a line for a shell, for messages."""
    return shlex.join(["vmgend-samba-ad", *repeat(options, *command)])


def samba_tool(options, *words):
    """A command of Samba for the same controller, likewise."""
    found = options.configfile
    return shlex.join(["samba-tool", *words,
                       *([f"--configfile={os.path.abspath(found)}"] if found else [])])
