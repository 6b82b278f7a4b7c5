# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""Whether the Python modules of the right Samba can be loaded, and what follows if not: that there is
no Samba is said only where there is none."""

import importlib
import os

from samba_ad import ends, places, prefix
from samba_ad.installations import Unit


def require(options, with_systemd):
    if options.prefix:
        prefix.use(os.path.abspath(options.prefix))
    else:
        require_packaged(options, with_systemd)
    try:
        importlib.import_module("samba.samdb")
    except ImportError as e:
        raise missing(e, options, with_systemd) from None


def asked(options, with_systemd):
    """The Unit, or None where there is nobody to ask, or no answer."""
    try:
        return Unit(options.unit) if with_systemd else None
    except ends.Failure:
        return None


def require_packaged(options, with_systemd):
    """Modules of another Samba would open a database that nobody uses."""
    if options.configfile and "configfile" not in options.from_file:
        return
    unit = asked(options, with_systemd)
    if unit and unit.starts_samba() and unit.words[0] not in places.PACKAGED:
        above = os.path.dirname(os.path.dirname(unit.words[0]))
        raise ends.Failure(f"{options.unit} starts {unit.words[0]}, which is not the system's "
                           f"Samba: vmgend-samba-ad protect --unit={options.unit} "
                           f"--prefix={above}")


def missing(error, options, with_systemd):
    if options.prefix:
        return ends.Failure(f"the Python modules of Samba below {options.prefix} cannot be loaded "
                            f"({error}): build it for {prefix.VERSION}, or see whether its "
                            "libraries are found with ldd (not tried)")
    if options.command == "before-start":
        unit = asked(options, with_systemd)
        if unit and unit.words and not unit.starts_samba():
            return ends.NotApplicable(f"{options.unit} starts {unit.words[0]}, which is no server "
                                      "of a domain controller")
    elif options.command != "protect" and not os.path.exists("/usr/sbin/samba") and \
            not places.running():
        return ends.NotApplicable("Samba is not installed")
    return ends.Failure(f"Samba's Python modules cannot be loaded ({error}): install the package "
                        "python3-samba; for a Samba that lies elsewhere: vmgend-samba-ad protect "
                        f"--unit={options.unit} --prefix=DIR")
