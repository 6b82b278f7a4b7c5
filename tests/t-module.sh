#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# DKMS can build the module from what "make install" installs.
#
# functions are called through ok
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
kernel=$(PYTHONPATH=tests/vm python3 -m harness.kernel headers 6.1) || exit 1
release=${kernel##*/linux-headers-}
version=$(sed -n 's/^VERSION *:= *//p' Makefile)

install_module() {
	make -s install DESTDIR="$scratch/root" &&
		mkdir "$scratch/dkms" &&
		dkms add -m vmgenc -v "$version" --sourcetree "$scratch/root/usr/src" \
			--dkmstree "$scratch/dkms"
}

build_module() {
	env -u MAKEFLAGS dkms build -m vmgenc -v "$version" --sourcetree "$scratch/root/usr/src" \
		--dkmstree "$scratch/dkms" -k "$release" --kernelsourcedir "$kernel" &&
		find "$scratch/dkms" -name 'vmgenc.ko*' | grep .
}

remove_module() {
	dkms remove "vmgenc/$version" --all --sourcetree "$scratch/root/usr/src" \
		--dkmstree "$scratch/dkms" && ! find "$scratch/dkms" -name 'vmgenc.ko*' | grep .
}

make_kmod() {
	make -s kmod O="$scratch/o" KREL="$release" KDIR="$kernel" KCC=gcc-12 &&
		modinfo -F alias "$scratch/o/kmod-$release/vmgenc.ko" | grep -qx 'acpi\*:VM_GEN_COUNTER:\*'
}

ok 'dkms takes what make install installs' install_module
ok 'dkms builds it' build_module
ok 'dkms removes it' remove_module
ok 'make kmod builds a module that udev finds' make_kmod
tap_done
