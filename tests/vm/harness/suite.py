# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A system made of Debian's packages, in a directory or in a tar file."""

from harness import kernel as kernels


def unpack(suites, root, *words):
    """What these words have mmdebstrap make of the first suite, with the others beside it.

    In a mount name space of its own: a run that is killed would otherwise leave mounts behind
    in root, and nobody could empty the directory after that.
    """
    sources = root.parent / "vmgen.sources"
    sources.write_text(kernels.sources(suites), "utf-8")
    kernels.run(["unshare", "--mount", "mmdebstrap", *words,
                 '--aptopt=Acquire::Check-Valid-Until "false"',
                 '--aptopt=APT::Sandbox::User "root"', suites[0], root, sources])
