#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The RPM packages: that rpmbuild makes them of the spec file, what rpmlint says
# of them, what is in them, and that they come and go.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
spec=packaging/rpm/vmgen.spec
root=$scratch/root

build() {
	make -s rpm O="$scratch"
}

packages() {
	find "$scratch/rpm/RPMS" -name '*.rpm'
}

without_errors() {
	# shellcheck disable=SC2046 # several files
	rpmlint -c packaging/rpm/rpmlint.toml "$spec" $(packages) >"$scratch/lint" 2>&1
	tail -n 1 "$scratch/lint"
	grep ' E: ' "$scratch/lint"
	grep -q ' 0 errors' "$scratch/lint"
}

version() {
	[ "$(sed -n 's/^VERSION *:= *//p' Makefile)" = "$(sed -n 's/^Version: *//p' "$spec")" ]
}

names() {
	packages | sed -E 's,.*/(.*)-[0-9.]+-[0-9]+.*\.([a-z0-9_]+)\.rpm,\1 \2,' |
		sed "s/ $(uname -m)$//" | sort | paste -sd ,
}

# gforth has a program and a manual of that name.
free_names() {
	for rpm in $(packages); do
		rpm -qpl "$rpm" 2>/dev/null
	done | sort >"$scratch/files"
	grep -qx /usr/sbin/vmgend "$scratch/files" &&
		! grep -E '^/usr/(bin/vmgen|share/man/man1/vmgen\.1.*)$' "$scratch/files"
}

# Directories may be: those who have files there own them, as Fedora wants it.
in_two_packages() {
	for rpm in $(packages); do
		rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$rpm" 2>/dev/null
	done | sed -n '/^d/!s/^[^ ]* //p' | sort | uniq -d | grep -v /.build-id
}

installed() {
	mkdir "$root"
	packages | xargs rpm --root "$root" -i --nodeps --noscripts &&
		[ "$("$root/usr/bin/vmgenctl" --version)" = "vmgenctl $(sed -n 's/^Version: *//p' "$spec")" ] &&
		cmp kmod/main.c "$root"/usr/src/vmgenc-*/main.c &&
		[ -L "$root/usr/lib64/libvmgen.so" ] && [ -e "$root/usr/lib64/libvmgen.so.1" ]
}

# Directories that others have files in belong to others. Debian's rpm warns.
left() {
	rpm --root "$root" -qa | xargs rpm --root "$root" -e --nodeps --noscripts 2>/dev/null
	find "$root/etc" "$root/usr" \( ! -type d -o -name '*vmgen*' -o -name '*samba*' \)
	! [ -e "$root/etc/cloud" ] || echo /etc/cloud
}

ok 'the spec file is of this version' version
ok 'make rpm' build
ok 'rpmlint finds no errors' without_errors
ok 'the packages are those of Fedora'\''s manner' test "$(names)" = \
	'libvmgen,libvmgen-devel,libvmgen-openssl,vmgen-acpi-check noarch,vmgen-dkms noarch,vmgend,vmgend-samba'
ok 'no file has the name of another package' free_names
empty 'no file is in two packages' in_two_packages
ok 'rpm installs them, and the programs run' installed
empty 'rpm takes all of it away' left
tap_done
