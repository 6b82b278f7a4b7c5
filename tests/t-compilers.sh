#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Both compilers build everything without a warning.
#
# functions are called through ok
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

for compiler in gcc clang; do
	ok "$compiler" make -s all CC="$compiler" WERROR=1 O="${O:-build}/$compiler"
done

# An older build directory knows nothing of what a newer source asks the C library for.
asks_again() {
	set -- make -s "${O:-build}/asked/have.h" O="${O:-build}/asked"
	"$@" && "$@" probes='getppid:unistd.h none_such:string.h' &&
		[ "$(cat "${O:-build}/asked/have.h")" = '#define HAVE_GETPPID' ]
}
ok 'what the C library has is asked again when the questions change' asks_again

# lacks TEXT VARIABLE...: make stops, and says that.
lacks() {
	text=$1
	shift
	! said=$(env PKG_CONFIG_LIBDIR=/none make -s "${O:-build}/lacking/.libraries" O="${O:-build}/lacking" "$@" 2>&1) &&
		echo "$said" && echo "$said" | grep -qx "vmgen: $text"
}
ok 'a library that is missing is named, and its package' lacks 'libmd is missing; on Debian it comes with libmd-dev'
ok 'also what does without it' \
	lacks 'libcrypto >= 3 is missing; on Debian it comes with libssl-dev, and make PROVIDER=no does without it'
ok 'so is pkg-config' lacks 'no-pkg-config is missing; on Debian it comes with pkg-config' PKG_CONFIG=no-pkg-config

# A distribution may build it so; what the archive has is for any compiler.
links_elsewhere() {
	! readelf -S "$1/libvmgen.a" 2>&1 | grep -E 'gnu\.lto|LLVM' &&
		readelf -s "$1/libvmgen.a" | grep ' vmgen_open$'
}
if [ -n "$VMGEN_ALL" ]; then
	for compiler in gcc clang; do
		directory=${O:-build}/$compiler-lto
		ok "$compiler with -O3 -flto" make -s all CC="$compiler" CFLAGS='-O3 -flto' WERROR=1 O="$directory"
		ok 'gives a libvmgen.a for any compiler' links_elsewhere "$directory"
	done
fi
tap_done
