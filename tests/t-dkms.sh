#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What DKMS makes of dkms.conf when kernels come: each gets the module, and none that cannot have
# it is held up. The kernels are played, so that nothing is compiled: t-module.sh does that.
#
# functions are called through ok
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

# Directories of its own in the place of the machine's.
if [ -z "$VMGEN_TEST_INSIDE" ]; then
	VMGEN_TEST_INSIDE=1 exec unshare --mount --propagation private "$0"
fi
for directory in /lib/modules /usr/src /var/lib/dkms; do
	mkdir -p $directory && mount -t tmpfs tmpfs $directory || exit 1
done
version=$(sed -n 's/^VERSION *:= *//p' Makefile)
source=/usr/src/vmgenc-$version
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES O CI

# kernel RELEASE [COMMAND]: headers of a kernel, where this command takes the place of a build.
kernel() {
	mkdir -p "/lib/modules/$1/build/include"
	echo CONFIG_64BIT=y >"/lib/modules/$1/build/.config"
	printf 'modules:\n\t%s\nclean:\n' \
		"${2:-cc -c -x c /dev/null -o \$(M)/vmgenc.ko}" >"/lib/modules/$1/build/Makefile"
}

has_module() {
	find "/lib/modules/$1/updates" -name 'vmgenc.ko*' | grep .
}

add_source() {
	mkdir "$source" && cp -r kmod/. "$source" &&
		sed "s/@VERSION@/$version/" kmod/dkms.conf.in >"$source/dkms.conf"
}

# As after "make install", when DKMS does not know of it yet.
at_once() {
	add_source && kernel 6.6.1-amd64 && dkms install "vmgenc/$version" -k 6.6.1-amd64 &&
		has_module 6.6.1-amd64
}

# What the postinst of each of the kernel's packages does.
two_kernels() {
	kernel 6.1.0-1-amd64 && kernel 6.12.1-amd64 &&
		dkms autoinstall -k 6.1.0-1-amd64 && dkms autoinstall -k 6.12.1-amd64 &&
		has_module 6.1.0-1-amd64 && has_module 6.12.1-amd64
}

third_kernel() {
	kernel 7.3.1-amd64 && dkms autoinstall -k 7.3.1-amd64 && has_module 7.3.1-amd64 &&
		has_module 6.1.0-1-amd64
}

# As vmgen(7) has it for the image of another machine, whose kernel does not run.
line=$(grep -o 'dkms install vmgenc/[0-9.]* -k' daemon/vmgen.7.scd)
by_page() {
	kernel 6.12.5-amd64 && $line 6.12.5-amd64 && has_module 6.12.5-amd64
}

# A compiler takes a minute on a small machine, and the trial has had it.
compiled_once() {
	for release in 6.12.9-amd64 6.12.10-amd64; do
		kernel "$release" "echo >>/lib/modules/$release/count; cc -c -x c /dev/null -o \$(M)/vmgenc.ko"
	done
	dkms autoinstall -k 6.12.9-amd64 && $line 6.12.10-amd64 && has_module 6.12.9-amd64 &&
		has_module 6.12.10-amd64 && wc -l /lib/modules/*/count &&
		[ "$(cat /lib/modules/*/count | wc -l)" = 2 ] &&
		! ls /var/lib/dkms/vmgenc/*/trial-*.ko
}

# A kernel whose module has this word of the source, or else its release.
naming() {
	kernel "$1" "(grep 'int word' \$(M)/main.c || echo 'char release[] = \"for $1\";') >\$(M)/k.c; \\
		cc \$(KCFLAGS) -g -c \$(M)/k.c -o \$(M)/vmgenc.ko"
}

# DKMS 3.0 takes the first of them only, and tells dkms.conf of the last one.
several() {
	naming 6.12.11-amd64 && naming 6.12.12-amd64 || return
	dkms autoinstall -k 6.12.11-amd64 -k 6.12.12-amd64
	for release in 6.12.11-amd64 6.12.12-amd64; do
		has_module "$release" || $line "$release" || return
		grep -a -q "for $release" "$(has_module "$release")" || return
	done
}

# As PRE_BUILD or PATCH in /etc/dkms/vmgenc.conf have it.
patched() {
	printf '#!/bin/sh\necho "int word;" >>main.c\n' >"$source/patch" && chmod 755 "$source/patch" &&
		naming 6.12.13-amd64 && $line 6.12.13-amd64 --directive PRE_BUILD=patch &&
		grep -a word "$(has_module 6.12.13-amd64)"
}

# A trial is made in a directory with another name each time.
same_bytes() {
	for i in 1 2; do
		make -s -C "$source" KDIR=/lib/modules/6.12.12-amd64/build LOG=/usr/src/log \
			TRIED="/usr/src/$i.ko" trial || return
	done
	cmp /usr/src/1.ko /usr/src/2.ko
}

# DKMS 3.0 only warns then, and its status is 0.
without_proc() {
	# shellcheck disable=SC2016 # for the inner shell
	kernel 6.12.6-amd64 && unshare --mount sh -ec '
		mount -t tmpfs tmpfs /proc
		output=$(dkms autoinstall -k 6.12.6-amd64 2>&1)
		echo "$output" | grep "not function properly if /proc is not mounted"
		[ ! -e /lib/modules/6.12.6-amd64/updates ]
		$1 6.12.6-amd64' sh "$line" && has_module 6.12.6-amd64
}

# autoinstall_without RELEASE TEXT: which it says once, to the reader of what apt prints.
autoinstall_without() {
	output=$(dkms autoinstall -k "$1" 2>&1) || { echo "status $?: $output"; return 1; }
	echo "$output"
	[ "$(echo "$output" | grep -c "$2")" = 1 ] && ! has_module "$1"
}

too_old() {
	kernel 5.4.0-1-amd64 && autoinstall_without 5.4.0-1-amd64 \
		'for Linux 5.10.119 and newer, so it is not built for 5.4.0-1-amd64'
}

# The first error is told, not make's own, and where the others are.
later_kernel() {
	kernel 8.1.0-amd64 'echo "main.c:7: error: too few arguments"; echo more; false' &&
		autoinstall_without 8.1.0-amd64 'cannot be built for 8.1.0-amd64.*: main.c:7: error: too few' &&
		grep -x more "/var/lib/dkms/vmgenc/$version/trial-8.1.0-amd64.log"
}

# A number of a process comes again, above all where images are built.
old_number() {
	kernel 6.12.8-amd64 &&
		sh -c 'echo "$$ 1 $2" >"$1"; exec dkms autoinstall -k 6.12.8-amd64' sh \
			"/var/lib/dkms/vmgenc/$version/trial-6.12.8-amd64" "$1" &&
		has_module 6.12.8-amd64
}

clang_kernel() {
	kernel 6.13.1-amd64 && mkdir /lib/modules/6.13.1-amd64/build/include/config &&
		printf 'CONFIG_CC_IS_CLANG=y\nCONFIG_CLANG_VERSION=990000\nCONFIG_LD_IS_LLD=y\n' \
			>/lib/modules/6.13.1-amd64/build/include/config/auto.conf &&
		mkdir /usr/src/only && for path in /usr/bin/*; do
			case $path in */clang*) ;; *) ln -s "$path" /usr/src/only ;; esac
		done && PATH=/usr/sbin:/usr/src/only autoinstall_without 6.13.1-amd64 'install LLVM 99'
}

# As the postinst of vmgen-dkms asks: 77 is the status that it goes on after.
named() {
	dkms build "vmgenc/$version" -k 8.1.0-amd64 2>&1
	[ $? = 77 ]
}

built_later() {
	kernel 8.1.0-amd64 && dkms autoinstall -k 8.1.0-amd64 && has_module 8.1.0-amd64
}

removed() {
	dkms remove "vmgenc/$version" --all && [ -z "$(ls /var/lib/dkms/vmgenc 2>/dev/null)" ] &&
		! find /lib/modules -name 'vmgenc.ko*' | grep .
}

ok 'dkms installs the source at once' at_once
ok 'each of two kernels gets the module' two_kernels
ok 'so does one that comes later' third_kernel
ok 'one that does not run gets it by the line of vmgen(7)' by_page
ok 'each is compiled once' compiled_once
ok 'asked for several kernels, none gets the module of another one' several
ok 'what is patched before the build is compiled' patched
ok 'each time to the same bytes' same_bytes
ok 'also without /proc, where autoinstall does nothing' without_proc
ok 'one that is too old is told of, and installed without' too_old
ok 'so is a later one for which the build fails' later_kernel
ok 'what an earlier process of the same number found does not count' old_number "$(($(date +%s) - 3600))"
ok 'and one for whose clang there is none' clang_kernel
ok 'asked for, that is refused with the status that packages go on after' named
ok 'it gets the module once it can be built' built_later
ok 'nothing is left when it is removed' removed
tap_done
