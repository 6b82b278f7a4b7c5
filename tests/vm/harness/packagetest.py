# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""The tests that the Debian packages bring along, as autopkgtest runs them: each in a minimal
system of a release, with what it declares that it depends on and no more.
"""

import re
import shlex
import shutil

from harness import builder, cache, kernel as kernels, repository
from harness.builder import TOP, digest, inside
from harness.machine import scratch

TESTS = TOP / "packaging/debian/tests"
SOURCE = "deb [trusted=yes] file:/srv ./\n"
# Of this directory alone; the other lists are there.
UPDATE = ("apt-get -q -o Dir::Etc::sourcelist=/etc/apt/sources.list -o Dir::Etc::sourceparts=- "
          "-o APT::Get::List-Cleanup=0 update")
INSTALL = "env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends"


def declared():
    """{name: {field: words}}"""
    text = re.sub(r"(?m)^#.*\n", "", (TESTS / "control").read_text("utf-8"))
    stanzas = [dict(re.findall(r"(?m)^([\w-]+): (.*)$", stanza)) for stanza in text.split("\n\n")]
    return {name: fields for fields in stanzas for name in fields["Tests"].split()}


def here():
    """Those that need no machine of their own."""
    return {name: fields for name, fields in declared().items()
            if "isolation-machine" not in fields["Restrictions"]}


def system(suite, debs, again):
    """A tar file with a minimal system that has the packages that the tests need, not installed."""
    needs = ", ".join(filter(None, (
        repository.dependencies(debs), *(
            word.strip() for fields in here().values() for word in fields["Depends"].split(",")
            if "vmgen" not in word))))
    target = cache.directory() / "minimal" / f"{suite}-{digest(needs)}.tar"
    fetch = f'chroot "$1" {INSTALL} --download-only satisfy {shlex.quote(needs)}'
    if again:
        builder.minimal(suite, scratch() / "minimal.tar", f"--customize-hook={fetch}")
        return scratch() / "minimal.tar"
    with cache.locked(f"minimal-{suite}") as new:
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            builder.minimal(suite, new / "minimal.tar", f"--customize-hook={fetch}")
            (new / "minimal.tar").rename(target)
    return cache.used(target)


def run_one(name, fields, root, directory):
    """Returns what it has printed, and after that whether it passed."""
    for deb in directory.glob("*.deb"):
        shutil.copy(deb, root / "srv")
    repository.index(root / "srv")
    (root / "etc/apt/sources.list").write_text(SOURCE, "ascii")
    shutil.copytree(TESTS, root / "root/debian/tests")
    inside(root, "/", f"{UPDATE} && {INSTALL} satisfy {shlex.quote(fields['Depends'])}")
    # Without this restriction a line on standard error is a failure.
    complaint = "" if "allow-stderr" in fields["Restrictions"] else "; test ! -s /tmp/complaint"
    return inside(root, "/root", f"mkdir /tmp/own; AUTOPKGTEST_TMP=/tmp/own debian/tests/{name} "
                  f"2>/tmp/complaint{complaint} && echo passed || echo failed; "
                  "cat /tmp/complaint >&2")


def results(suite, directory, again=False):
    """Yields (name, passed, output)."""
    tar = system(suite, repository.installed(directory), again)
    for name, fields in here().items():
        root = scratch() / f"minimal-{name}"
        root.mkdir()
        kernels.run(["tar", "-xf", tar, "-C", root])
        text = run_one(name, fields, root, directory)
        yield name, re.search(r"(?m)^passed$", text) is not None, text
        shutil.rmtree(root)
