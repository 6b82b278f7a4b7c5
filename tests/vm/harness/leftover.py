# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
"""What is left on a Debian after something was taken away: files that belong to no package, that
were not there before (installed.BEFORE), and that no system makes by itself.
"""

import re

from harness.installed import BEFORE

# Packages may name a path below one of the links /lib, /bin and /sbin. All paths would take a
# minute to come out of the emulated machine. An alternative is some package's, and what Python
# compiles is as well.
NOT_OWNED = rf"""export LC_ALL=C
sed -E 's,^/(lib|lib64|s?bin)/,/usr/\1/,' /var/lib/dpkg/info/*.list |
	sort -u - {BEFORE} >/var/tmp/known
find / -xdev -mindepth 1 ! -path '/etc/alternatives/*' ! -lname '/etc/alternatives/*' \
	! -path '*/__pycache__*' | sort | comm -23 - /var/tmp/known
"""
# What a system makes that has booted, had its packages changed and got another kernel.
OF_THE_SYSTEM = re.compile(
    r"/(var/log|var/lib/(apt|dpkg|systemd|dbus|dkms|initramfs-tools)|var/cache/(apt|ldconfig)|"
    r"var/cache/debconf|var/backups|var/tmp|tmp|run|dev|proc|sys|root|lost\+found)(/.*)?|"
    r"/etc/(machine-id|resolv\.conf|mtab|\.pwd\.lock|.*-)|/(etc|var)/\.updated|"
    r"/(initrd\.img|vmlinuz)(\.old)?")
# What packages of others make for themselves that come with what building and DKMS need.
OF_OTHERS = re.compile("|".join({
    "ca-certificates": r"/etc/ca-certificates\.conf|/etc/ssl/certs/[^/]*\.(pem|crt|\d)|"
                       r"/usr/local/share/ca-certificates",
    "fakeroot": r"/usr/lib/[^/]+/libfakeroot/libfakeroot-(sysv|tcp)-0\.so",
    "fontconfig": r"/etc/fonts/conf\.d/\d\d-.*\.conf|/usr/local/share/fonts",
    "gnupg": r"/etc/systemd/user/sockets\.target\.wants(/(dirmngr|gpg-agent.*)\.socket)?",
    "man-db": r"/var/(cache/man|lib/man-db)(/.*)?|/etc/apparmor\.d/local(/usr\.bin\.man)?|"
              r"/etc/systemd/system/timers\.target\.wants/man-db\.timer",
    "netbase": r"/etc/(hosts|networks)",
    "python3": r"/etc/python3(/debian_config)?|/usr/local/lib/python3\.\d+(/dist-packages)?|"
               r"/var/lib/python(/python3\.\d+_installed)?",
    "readline-common": r"/etc/inputrc",
    "sudo": r"/etc/rc\d\.d/[SK]\d\dsudo",
}.values()))


def leftover(g, release=None):
    """The paths; without those of a kernel that came meanwhile, by its release."""
    return [path for path in g.run(NOT_OWNED, timeout=600).splitlines()
            if not OF_THE_SYSTEM.fullmatch(path) and not OF_OTHERS.fullmatch(path)
            and not (release and release in path)]


def named(g):
    """Files with vmgen's name, whoever has made them."""
    return g.run("find / -xdev -iname '*vmgen*' ! -path '*linux*' ! -path '*/kernel/*' "
                 "! -name '*vmgen-agent*' ! -path '/var/log/*' ! -path '/var/lib/apt/*' "
                 "! -path '/root/*'", timeout=600).splitlines()
