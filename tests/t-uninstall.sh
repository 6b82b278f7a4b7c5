#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# make uninstall leaves nothing that make install made, and all that was there
# before or that somebody has changed since.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
# Its name may have blanks.
root="$scratch/a root"
build=${O:-build}

# A build of its own, because other prefixes change what is in it.
O=$scratch/build
# The root is not there yet: a DESTDIR need not be.
mkdir "$O" || exit 1
cp -a "$build/daemon" "$build/libvmgen" "$build/kmod" "$O"
find "$build" -maxdepth 1 -type f -exec cp -p {} "$O" \;
export O

# Nothing of Debian's own is called: others install as well.
mkdir "$scratch/bin"
for program in apt-get apt dpkg dpkg-query sudo; do
	printf '#!/bin/sh\necho "%s $*" >>%s/called\nexit 1\n' $program "$scratch" >"$scratch/bin/$program"
done
chmod 755 "$scratch"/bin/*

# run TARGET VARIABLE...
run() {
	PATH="$scratch/bin:$PATH" make -s "$@" DESTDIR="$root" >"$scratch/output"
}

# A line is something that a person reads.
prints_lines() {
	grep -q '^  INSTALL /usr/local/sbin: .*vmgend' "$scratch/output" &&
		awk 'length > 120 { exit 1 }' "$scratch/output"
}

found() {
	(cd "$root" && find . -mindepth 1 | sort)
}

installed() {
	run install "$@" && [ "$(found | wc -l)" -gt 80 ]
}

left() {
	run uninstall "$@"
	found
}

# Of others: a directory that is empty, one that is not.
others() {
	mkdir -p "$root/usr/local/sbin" "$root/usr/local/share/man/man7" "$root/etc/cloud/clean.d"
	echo >"$root/usr/local/share/man/man7/other.7"
}

left_beside_others() {
	others
	found >"$scratch/before"
	run install && run install
	run uninstall
	found | diff "$scratch/before" -
}

changed_settings() {
	find "$root" -mindepth 1 -delete
	run install
	echo 'nginx' >>"$root/etc/vmgen/restart-units"
	echo >"$root/etc/vmgen/vmgend.conf"
	run uninstall
	found | paste -sd ' '
}

without_note() {
	find "$root" -mindepth 1 -delete
	run install
	rm "$O"/uninstall-*
	run uninstall
	found | grep vmgen
}

# refuses_blanks WORDS ARGUMENT...
refuses_blanks() {
	words=$1
	shift
	! make -n "$@" >"$scratch/output" 2>&1 && cat "$scratch/output" && grep -qF "$words" "$scratch/output"
}

mkdir "$scratch/a source" && cp Makefile "$scratch/a source"
ok 'a build directory with a blank in its name is refused' \
	refuses_blanks 'which targets of make cannot have' O="$scratch/a build"
ok 'so is a source directory' refuses_blanks 'move the source' -C "$scratch/a source" O=build
ok 'so is one to install into' refuses_blanks 'A directory to install into' PREFIX="$scratch/a prefix" install
ok 'make install' installed
ok 'says what it does, in short lines' prints_lines
empty 'make uninstall leaves nothing' left
ok 'make install PREFIX=/usr' installed PREFIX=/usr LIBDIR=/usr/lib64
empty 'make uninstall leaves nothing of that' left PREFIX=/usr LIBDIR=/usr/lib64
empty 'directories and files of others stay' left_beside_others
ok 'so does what the administrator has changed' test "$(changed_settings)" = \
	'./etc ./etc/vmgen ./etc/vmgen/restart-units ./etc/vmgen/vmgend.conf'
empty 'also after make clean nothing of its own is left' without_note
ok 'neither asks the package manager' test ! -e "$scratch/called"
tap_done
