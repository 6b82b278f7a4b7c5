# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""Builds the module against every kernel whose headers Debian offers today, and says for which
that works; and against what backports.py makes of some of them. Only headers are fetched, into
the cache, where later runs find those they know.
"""

import concurrent.futures
import json
import pathlib
import re
import sys

from harness import backports, cache, kernel as kernels, module
from harness.kernel import KernelError, Source
from harness.machine import build_directory
from harness.tap import Tap

# Meta packages have two numbers or none.
RELEASE = r"\d+\.\d+\.\d+\S*-amd64"
# Of other architectures: with kernels, headers and compilers of their own.
ARM = RELEASE.replace("amd64", "arm64")
RISCV = RELEASE.replace("amd64", "riscv64")
OFFERS = (Source(kernels.BULLSEYE, RELEASE),
          Source((*kernels.BOOKWORM, "bookworm-backports"), RELEASE),
          Source(kernels.TRIXIE, RELEASE, chroot=True),
          Source(("forky",), RELEASE, chroot=True),
          Source(("sid",), RELEASE, chroot=True),
          Source(kernels.BOOKWORM, ARM, chroot=True, arch="arm64"),
          Source(kernels.TRIXIE, ARM, chroot=True, arch="arm64"),
          Source(("trixie",), RISCV, chroot=True, arch="riscv64"),
          Source(("sid",), RISCV, chroot=True, arch="riscv64"))
# What kmod/compat.h is to refuse, and how.
OLDEST = (5, 10, 119)
REFUSAL = "vmgenc needs Linux 5.10.119 or newer"
SOURCE = pathlib.Path(__file__).parents[3] / "kmod"


def fetch(offer):
    """(kernels of an offer, releases that apt names although the mirror has them no more)

    The headers of all kernels of the offer share a directory.
    """
    suite = offer.suites[0]
    root = cache.directory() / "headers" / suite
    known = root / "kernels"
    known.mkdir(parents=True, exist_ok=True)
    with cache.locked(f"headers-{suite}") as new:
        apt = kernels.Apt(new / "apt", offer.suites, dict.fromkeys(("amd64", offer.arch)))
        releases = apt.releases("headers", offer.release)
        wanted = {r: kernels.header_packages(apt, r) for r in releases if not (known / r).exists()}
        if wanted:
            print(f"# {suite}: fetching the headers of {len(wanted)} kernels", flush=True)
            have = apt.unpack(sorted({p for packages, _ in wanted.values() for p in packages}),
                              root, gone_ok=True)
            wanted = {r: tools for r, (packages, tools) in wanted.items()
                      if have.issuperset(packages)}
        for release, tools in wanted.items():
            kernels.point_headers_at_each_other(root, release)
            (known / release).write_text(json.dumps(tools), "ascii")
    found = [kernels.Kernel(name=r, release=r, root=root,
                            tools=tuple(json.loads((known / r).read_text("ascii"))),
                            chroot=offer.suites if offer.chroot else (), arch=offer.arch)
             for r in releases if (known / r).exists()]
    if wanted and offer.chroot:
        module.make_chroot(offer.suites, {t for k in found for t in k.tools}, renew=True)
    return found, [r for r in releases if not (known / r).exists()]


def version(kernel):
    """Of the upstream kernel, which Debian's release need not show; the third number is 255 at
    most.
    """
    header = kernel.headers / "include/generated/uapi/linux/version.h"
    code = int(re.search(r"LINUX_VERSION_CODE (\d+)", header.read_text("ascii")).group(1))
    return code >> 16, code >> 8 & 255, code & 255


def build(kernel):
    """None, or what make said."""
    try:
        module.build(kernel, SOURCE, build_directory() / "headers" / kernel.release)
    except KernelError as e:
        return str(e)
    return None


def check(found, t):
    """{"built": releases, "refused": releases, "failed": releases}"""
    lists = {"built": [], "refused": [], "failed": []}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for kernel, error in zip(found, pool.map(build, found)):
            upstream = version(kernel)
            name = kernel.release
            if upstream < OLDEST:
                verdict = "refused" if REFUSAL in (error or "") else "failed"
                name += f" (Linux {'.'.join(map(str, upstream))}) is refused"
            else:
                verdict = "failed" if error else "built"
            if not t.ok(verdict != "failed", name):
                t.note(error or "it was built")
            lists[verdict].append(kernel.release)
    return lists


def main():
    t = Tap()
    found, gone = {}, []
    for offer in OFFERS:
        have, lost = fetch(offer)
        gone += lost
        for kernel in have:
            found.setdefault(kernel.release, kernel)
    lists = check(list(found.values()), t)
    backports.check(t)
    lists["gone from the mirror"] = [release for release in gone if release not in found]
    for what, releases in lists.items():
        if what != "built":
            t.note("\n".join(f"{what}: {release}" for release in releases))
    t.note(", ".join(f"{len(releases)} {what}" for what, releases in lists.items()))
    return t.finish()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KernelError, OSError) as error:
        sys.exit(f"headers.py: {error}")
