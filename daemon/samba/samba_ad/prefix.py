# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (C) the vmgen authors
"""A Samba that was built from source lies below a directory of its own, with its Python modules and
samba-tool. They run as root, so that directory has to be root's alone."""

import glob
import os
import sys

from samba_ad import trust
from samba_ad.ends import Failure

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def candidates(prefix, version):
    """The directories below it that have the module, those for just this Python first."""
    below = glob.escape(prefix)
    return [os.path.dirname(os.path.dirname(found))
            for place in (f"lib*/{version}", f"lib/*/{version}")
            for found in sorted(glob.glob(f"{below}/{place}/*-packages/samba/__init__.py"))]


def modules(prefix):
    for version in (VERSION, "python3"):
        if found := candidates(prefix, version):
            return found[0]
    others = candidates(prefix, "python3.*")
    if others:
        raise Failure(f"{others[0]} is for another Python than {VERSION}, which vmgend-samba-ad "
                      f"runs with: build Samba with PYTHON={sys.executable} (not tried)")
    raise Failure(f"{prefix} has no Python modules of Samba ({prefix}/lib/{VERSION}/"
                  "site-packages/samba or alike): is it the directory that Samba was configured "
                  "with as --prefix?")


def require_libraries(prefix):
    """Those that the modules may load; what else is there is not Samba's."""
    below = glob.escape(prefix)
    for place in (f"{below}/lib*", f"{below}/lib/*-linux-*"):
        for library in filter(os.path.exists, glob.glob(f"{place}/*.so*")):
            trust.require(library)
        for name in ("samba", "private"):
            for directory in glob.glob(f"{place}/{name}/"):
                trust.require_tree(directory)


def use(prefix):
    """Has this process load and run what is below it."""
    # A link that somebody else can change leads elsewhere after the check.
    prefix = os.path.realpath(prefix)
    directory = os.path.realpath(modules(prefix))
    trust.require_tree(directory)
    require_libraries(prefix)
    # After those of Python itself, and before those of the system's Samba.
    place = next((i for i, path in enumerate(sys.path) if "-packages" in path), len(sys.path))
    sys.path.insert(place, directory)
    tools = [path for path in (f"{prefix}/bin", f"{prefix}/sbin") if os.path.isdir(path)]
    for path in tools:
        for tool in [path, *glob.glob(f"{glob.escape(path)}/samba*")]:
            trust.require(tool)
    os.environ["PATH"] = ":".join([*tools, os.environ.get("PATH", os.defpath)])
