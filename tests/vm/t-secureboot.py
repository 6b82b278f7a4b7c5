#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""A machine with Secure Boot, whose firmware has a fleet's certificate in db: it loads the module
that was signed with that key, and no other. With VMGEN_ALL= also one that DKMS has signed and that
of make deb-module."""

import os
import pathlib
import shutil

from harness import kernel as kernels, tap
from harness.machine import build_directory, scratch
from harness.scenario import ALL, boot, generation, new_guid

TOP = pathlib.Path(__file__).resolve().parents[2]
# What Debian's OVMF for tests has in its variables, and the key of that.
CERTIFICATE = pathlib.Path("/usr/share/ovmf/PkKek-1-snakeoil.pem")
KEY = CERTIFICATE.with_suffix(".key")
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKEOVERRIDES")},
               "KBUILD_SIGN_PIN": "snakeoil"}
# A DKMS with another configuration than this machine's.
PLAY = 'mount --bind "$1" /etc/dkms/framework.conf; shift; exec dkms "$@"'
MODULES = {"ours": "signed with the key of db", "dkms": "signed by DKMS with that key",
           "package": "from the package, signed with that key",
           "none": "unsigned", "stranger": "signed with another key"}
REFUSED = {"none": "Loading of unsigned module is rejected",
           "stranger": "Loading of module with unavailable key is rejected"}


def run(*command):
    return kernels.run([str(word) for word in command], cwd=TOP, env=ENVIRONMENT)


def signed(kernel, unsigned, name, key, certificate):
    module = scratch() / f"{name}.ko"
    shutil.copy(unsigned, module)
    run("packaging/module/sign", kernel.headers, key, certificate, module)
    return module


def stranger():
    key, certificate = scratch() / "stranger.key", scratch() / "stranger.pem"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj",
        "/CN=stranger", "-keyout", key, "-out", certificate)
    return key, certificate


def from_package(kernel):
    """That of make deb-module."""
    out = scratch() / "package"
    run("make", "-s", "deb-module", f"O={out}", f"KREL={kernel.release}", f"KDIR={kernel.headers}",
        "KCC=gcc-12", f"SIGN_KEY={KEY}", f"SIGN_CERT={CERTIFICATE}")
    run("dpkg-deb", "-x", next((out / "deb").glob("*.deb")), out / "root")
    return next((out / "root").rglob("vmgenc.ko"))


def from_dkms(kernel):
    """That of a DKMS whose configuration names the key."""
    trees = scratch() / "dkms"
    conf = (build_directory() / "dkms.conf").read_text("utf-8")
    version = conf.split('PACKAGE_VERSION="')[1].split('"')[0]
    source = trees / "src" / f"vmgenc-{version}"
    shutil.copytree(TOP / "kmod", source)
    (source / "dkms.conf").write_text(conf, "utf-8")
    framework = trees / "framework.conf"
    framework.write_text(f"mok_signing_key={KEY}\nmok_certificate={CERTIFICATE}\n"
                         # These headers do not lie where DKMS looks.
                         f"sign_file={kernel.headers}/scripts/sign-file\n", "utf-8")
    (trees / "tree").mkdir()
    for words in (("add",), ("build", "-k", kernel.release, "--kernelsourcedir", kernel.headers)):
        run("unshare", "--mount", "sh", "-ec", PLAY, "sh", framework, *words, "-m", "vmgenc",
            "-v", version, "--sourcetree", trees / "src", "--dkmstree", trees / "tree")
    return next((trees / "tree").rglob("vmgenc.ko"))


def modules(kernel):
    """{name: file}"""
    unsigned = build_directory() / "modules" / kernel.name / "vmgenc.ko"
    found = {"ours": signed(kernel, unsigned, "ours", KEY, CERTIFICATE), "none": unsigned,
             "stranger": signed(kernel, unsigned, "stranger", *stranger())}
    # Debian's own compiler for other suites is in a chroot.
    if ALL and not kernel.chroot:
        found |= {"dkms": from_dkms(kernel), "package": from_package(kernel)}
    return found


def scenario(name, t):
    kernel = kernels.load(name)
    found = modules(kernel)
    files = {f"/{module}.ko": path.read_bytes() for module, path in found.items()}
    with boot(name, load=False, files=files, guid=new_guid(), type="smm", firmware="secure") as g:
        t.ok("Secure boot enabled" in g.run("dmesg"), "the firmware has Secure Boot")
        for module in found:
            status, output = g.execute(f"insmod /{module}.ko 2>&1")
            if module in REFUSED:
                t.ok(status and REFUSED[module] in g.run("dmesg"),
                     f"{MODULES[module]}: refused, and the kernel log says why")
            elif t.equal((status, output), (0, ""), f"{MODULES[module]}: loaded"):
                t.equal(generation(g), 1, "and at work")
                g.run("rmmod vmgenc")
        if t.failed:
            t.note(g.run("dmesg | tail -n 20"))


if __name__ == "__main__":
    tap.main(scenario)
