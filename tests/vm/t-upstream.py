#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""OpenSSL's own tests of providers, generators, keys and TLS, from the source of the named release of
Debian, with vmgen-provider on for each program, as vmgenctl openssl enable does it.

What cannot pass is listed with the reason. Most of these programs have OpenSSL linked into them.
"""

import os
import re
import shutil
import subprocess

from harness import cache, kernel as kernels, tap
from harness.machine import build_directory
from harness.scenario import say

PACKAGE = "openssl"
# Recipes of test/recipes, by name.
TESTS = ("test_default_library_context test_dsa test_ec* test_evp* test_gen* test_internal_provider "
         "test_namemap test_pkey_meth test_prov* test_rand* test_rsa test_ssl_new test_sslapi "
         "test_threads test_x509_store")
FEWEST = 30
CONF = "apps/openssl.cnf"
# A copy of that, when all is built.
SHIPPED = "shipped.cnf"
ADDED = """
[openssl_init]
providers = provider_sect
random = vmgen_random
[provider_sect]
default = default_sect
vmgen = vmgen_provider
[default_sect]
activate = 1
[vmgen_provider]
activate = 1
[vmgen_random]
properties = ?provider=vmgen
"""
ACTIVE = "fails as well without vmgen where the configuration activates OpenSSL's default provider"
# {recipe: (numbers of its tests, why they fail)}
UNABLE = {
    "05-test_rand": ("2", "looks for a primary generator that is the parent of the others"),
    "30-test_evp_extra": ("3", ACTIVE),
    "90-test_sslapi": ("1", ACTIVE),
}


def run(words, cwd):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS", "CFLAGS", "OPENSSL_"))}
    return subprocess.run(words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def build(suite, new):
    """The built tree, in the cache: it cannot be moved any more."""
    apt = kernels.Apt(new / "apt", (suite,), kinds="deb-src")
    version = apt.source(PACKAGE, new / "source")
    tree = cache.directory() / PACKAGE / f"{suite}-{version}"
    if (tree / SHIPPED).exists():
        return cache.used(tree)
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(exist_ok=True)
    next(path for path in (new / "source").iterdir() if path.is_dir()).rename(tree)
    for words in (("./Configure",), ("make", "-s", f"-j{os.cpu_count()}", "build_sw")):
        r = run(words, tree)
        assert r.returncode == 0, r.stdout[-4000:]
    shutil.copy(tree / CONF, tree / SHIPPED)
    return tree


def switch_on(tree):
    shutil.copy(build_directory() / "vmgen.so", tree / "providers")
    (tree / CONF).write_text((tree / SHIPPED).read_text("utf-8") + ADDED, "utf-8")


def failures(output):
    """{recipe: numbers of tests that failed, or the whole of what is said of it}"""
    found = {}
    for name, text in re.findall(r"(?m)^(\S+)\.t +\(Wstat: .*\n((?:  .*\n)+)", output):
        numbers = re.search(r"Failed tests?: +(.*)", text)
        found[name] = numbers.group(1) if numbers else text
    return found


def check_generators(tree, t):
    words = ("env", f"LD_LIBRARY_PATH={tree}", f"OPENSSL_MODULES={tree}/providers",
             f"OPENSSL_CONF={tree}/{CONF}", tree / "apps/openssl", "list", "-random-instances")
    t.equal(re.findall("@ (.*)", run(words, tree).stdout), ["vmgen"] * 3,
            "all generators of such a program are the provider's")


def check(tree, t):
    check_generators(tree, t)
    output = run(("make", "-s", "test", "HARNESS_JOBS=2", f"TESTS={TESTS}"), tree).stdout
    ran = re.findall(r"(?m)^(\d+-\S+)\.t \.+ ", output)
    t.ok(len(set(ran)) >= FEWEST, f"{len(set(ran))} recipes are run")
    expected = {name: numbers for name, (numbers, _) in UNABLE.items()}
    if not t.equal(failures(output), expected, "no test fails but those that are listed"):
        t.note(output[-8000:])
    for name, (numbers, why) in UNABLE.items():
        say(f"{name}, {numbers}: {why}")
    # The first is of what comes before them.
    if summaries := re.findall(r"(?m)^Files=.*", output):
        say(f"{tree.name}: {summaries[-1]}")


def scenario(suite, t):
    with cache.locked(f"openssl-{suite}") as new:
        tree = build(suite, new)
        switch_on(tree)
        check(tree, t)


if __name__ == "__main__":
    tap.main(scenario)
