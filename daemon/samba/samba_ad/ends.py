# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Ends: why a command goes no further, and what its caller does then."""

OK = 0
FAILED = 1
USAGE = 2
NO_RIGHTS = 4
DUE = 7
FENCED = 10
NOT_APPLICABLE = 77


class NotApplicable(Exception):
    """There is nothing here that could be repaired."""


class Failure(Exception):
    """Not now: what is in the way may go away, and the next start tries again."""

    status = FAILED


class Superseded(Failure):
    """A guard of a newer change has been at work, and its repair does the rest."""

    def __init__(self, units):
        super().__init__("the machine was cloned or restored once more, so "
                         f"{' and '.join(units) or 'Samba'} is left to the repair of that change")


class Blocked(Failure):
    """A repair is due, and Samba must not run until it can be made."""


class NoRights(Failure):
    status = NO_RIGHTS


class Refusal(Exception):
    """A person has to decide, and Samba is fenced until then. when: of what follows, the command
    to go on with, which main.py adds."""

    def __init__(self, text, when="when that is fixed"):
        super().__init__(f"{text}; {when}: ")


class Fenced(Exception):
    """The unit is fenced already."""
