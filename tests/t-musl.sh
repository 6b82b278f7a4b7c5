#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# All programs are built with musl and without libsystemd, and unit tests run there:
# those of the library and of what asks libc most; make check-all has all.
#
# The other libraries are Debian's, which are made for glibc: they are linked statically,
# or loaded where there is no such form, and musl/fortified.c has the names of glibc that
# they call. Systems with musl have their own; none of those is tried here.
#
# functions are called through ok
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

O=$(realpath -m "${O:-build}")/musl
machine=$(gcc -print-multiarch) || exit 1
lib=/usr/lib/$machine
headers=$O/headers
some='source generation guard holder device vmgenid handle faults errors openssl confined fence keys notify standby tree'

# Those of Linux and of the libraries, but none of glibc.
find_headers() {
	rm -rf "$headers" && mkdir -p "$headers/openssl" &&
	for name in linux asm-generic "$machine/asm" json-c event2 libmnl libnftnl ini.h sha2.h; do
		ln -s "/usr/include/$name" "$headers" || return 1
	done
	ln -s /usr/include/openssl/* "/usr/include/$machine/openssl"/* "$headers/openssl"
}

build() {
	musl-gcc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -c -o "$O/fortified.o" tests/musl/fortified.c &&
	env -u MAKEFLAGS -u MAKELEVEL make -s -j"$(nproc)" CC=musl-gcc SYSTEMD=no WERROR=1 O="$O" \
		CPPFLAGS="-isystem $headers" LIBS="$O/fortified.o $lib/libevent_core.a $lib/libinih.a \
		$lib/libjson-c.a $lib/libmd.a $lib/libnftnl.a $lib/libmnl.so $lib/libcrypto.so \
		-Wl,-rpath,$lib" CRYPTO_LIBS="$lib/libcrypto.so" "$@"
}

interpreter() {
	readelf -l "$1" | grep -q 'interpreter: /lib/ld-musl-'
}

without() {
	! find "$O" -type f -perm -1 ! -name '*.t' -exec readelf -d {} + 2>/dev/null | grep "$1"
}

tests=$(for name in $some; do echo "$name"; done)
[ -z "$VMGEN_ALL" ] || tests=$(printf '%s\n' tests/unit/t-*.c | sed 's/.*t-\(.*\)\.c$/\1/')

ok 'the headers of libraries, without those of glibc' find_headers
ok 'library, provider, vmgend, vmgenctl and hooks: no warning' build all
ok 'vmgend is a program of musl' interpreter "$O/vmgend"
ok 'so is vmgenctl' interpreter "$O/vmgenctl"
ok 'nothing needs libsystemd' without libsystemd
# shellcheck disable=SC2046 # words
ok 'unit tests are built' build $(for t in $tests; do echo "$O/tests/unit/t-$t.t"; done)
for t in $tests; do
	ok "t-$t" "$O/tests/unit/t-$t.t"
done
tap_done
