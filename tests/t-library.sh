#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# libvmgen as others get it: what is declared is exported and the reverse, the
# ABI is the recorded one, the header suits C and C++, pkg-config finds both
# libraries, programs may embed it, of 32 bits too, and uninstall leaves nothing.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

O=${O:-build}
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT

declared() {
	sed -nE 's/^[a-z].*[ *](vmgen_[a-z_]+)\(.*/\1/p' libvmgen/libvmgen.h | sort
}

listed() {
	sed -nE 's/^\t(vmgen_[a-z_]+);/\1/p' libvmgen/libvmgen.map | sort
}

exported() {
	nm -D --defined-only "$O"/libvmgen.so.* | sed -nE 's/.* T (vmgen_[a-z_]+)@@.*/\1/p' | sort
}

same() {
	[ -n "$($1)" ] && [ "$($1)" = "$($2)" ]
}

called() {
	grep -oE '\bvmgen_[a-z_]+\(' tests/api.c | tr -d '(' | sort -u
}

pkg() {
	PKG_CONFIG_PATH="$root/usr/local/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root" \
		pkg-config "$@" libvmgen
}

version() {
	[ "$(pkg --modversion)" = "$(sed -n 's/^VERSION *:= //p' Makefile)" ]
}

# header COMPILER LANGUAGE OPTIONS...
header() {
	compiler=$1
	language=$2
	shift 2
	# shellcheck disable=SC2046 # several words
	"$compiler" -fsyntax-only -pedantic -Wall -Wextra -Werror "$@" $(pkg --cflags) \
		-x "$language" tests/api.c
}

# program COMPILER LANGUAGE PKG-CONFIG-OPTIONS...: calls every function.
program() {
	compiler=$1
	language=$2
	shift 2
	flags=$(pkg --cflags --libs "$@") || return 1
	# shellcheck disable=SC2086 # several words
	$compiler -x "$language" tests/api.c -x none -Wall -Wextra -pedantic -Werror $flags \
		-o "$root/program" && LD_LIBRARY_PATH="$root/usr/local/lib" "$root/program"
}

# A function may be added. What a program may rely on stays.
same_abi() {
	abidiff --no-added-syms libvmgen/libvmgen.abi "$1"
}

# mutant FILE SED-EXPRESSION: another library, which must not pass for this one.
mutant() {
	# shellcheck disable=SC2046 # a word for each file that the Makefile includes
	mkdir -p "$root/mutant/kmod" && cp -r Makefile libvmgen "$root/mutant" &&
		cp --parents $(sed -n "s/^include \([a-z]\)/\1/p" Makefile) "$root/mutant" &&
		cp -r kmod/uapi "$root/mutant/kmod" && sed -i "$2" "$root/mutant/$1" &&
		! cmp -s "$1" "$root/mutant/$1" &&
		make -s -C "$root/mutant" O="$root/mutant/build" "$root/mutant/build/libvmgen.abi" &&
		! same_abi "$root/mutant/build/libvmgen.abi"
}

in_archive() {
	nm -g --defined-only "$O"/libvmgen.a | sed -nE 's/^[0-9a-f]+ [A-Z] (.+)/\1/p' | sort
}

# What the sources of the library call each other by, any program may have as a name of its own.
internal() {
	nm -g --defined-only "$O"/libvmgen/*.o | sed -nE 's/^[0-9a-f]+ [A-Z] (.+)/\1/p' | sort -u |
		comm -23 - "$root/exported"
}

own_names() {
	exported >"$root/exported"
	{
		printf '#include <errno.h>\n#include <libvmgen.h>\n'
		internal | sed 's/.*/int &(void);\nint &(void)\n{\n\treturn 4711;\n}/'
		printf 'int main(void)\n{\n\tstruct vmgen *v;\n\n'
		internal | sed 's/.*/\tif (&() != 4711)\n\t\treturn 1;/'
		printf '\treturn vmgen_open("/nonexistent", 0, &v) != -ENOENT;\n}\n'
	} >"$root/names.c"
	internal | grep -qx source_open &&
		gcc -Ilibvmgen "$root/names.c" "$O/libvmgen.a" -o "$root/names" && "$root/names"
}

# dropped COMPILER LANGUAGE: what can fail, or answers, is not to be dropped.
dropped() {
	for call in vmgen_changed vmgen_fd vmgen_generation; do
		printf '#include <libvmgen.h>\nint main(void) { %s(0); }\n' "$call" >"$root/dropped.c"
		! "$1" -S -Werror -Ilibvmgen -o /dev/null -x "$2" "$root/dropped.c" 2>"$root/dropped" &&
			grep -q 'unused-result' "$root/dropped" || return 1
	done
}

# embedded ARCHIVE COMPILER...
embedded() {
	archive=$1
	shift
	"$@" -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -Ilibvmgen tests/embedded.c "$archive" \
		-o "$root/embedded" -ldl
}

loads() {
	embedded "$O/libvmgen.a" gcc && "$root/embedded" "$PWD/$O/$(basename "$(echo "$O"/libvmgen.so.*)")"
}

# For 32 bits, with large files and times, as distributions are built by now.
tests_32='source generation guard holder'
in_32() {
	o=$root/32-$1
	# shellcheck disable=SC2046 # words
	env -u MAKEFLAGS -u MAKELEVEL make -s CC="$1" O="$o" LIBS=-pthread WERROR=1 \
		CFLAGS='-m32 -O2 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64' \
		"$o/libvmgen.a" $(for t in $tests_32; do echo "$o/tests/unit/t-$t.t"; done) &&
		embedded "$o/libvmgen.a" "$1" -m32 && "$root/embedded"
}

passes_32() {
	for t in $tests_32; do
		"$root/32-$1/tests/unit/t-$t.t" >"$root/tap" || { cat "$root/tap"; return 1; }
	done
}

# Hidden functions would be missing here.
ctl_links() {
	# shellcheck disable=SC2046 # several words
	gcc "$O"/daemon/ctl/main.o "$O"/ctl.a "$O"/daemon.a "$O"/libvmgen.so.*.* -o "$root/vmgenctl" \
		$(pkg-config --libs libevent_core libsystemd inih json-c libmd libmnl libnftnl) &&
		LD_LIBRARY_PATH="$root/usr/local/lib" "$root/vmgenctl" --version
}

# vmgend looks for that name, and would take who uses us for AWS-LC.
named_sysgenid() {
	! grep -la /dev/sysgenid "$O"/libvmgen.so.*.* "$O"/libvmgen.a "$O"/vmgen.so
}

internal_headers_used() {
	find "$O"/daemon -name '*.d' -exec grep -lE 'libvmgen/(vmgen|source|vmclock)\.h' {} +
}

ok 'what is declared is in the map' same declared listed
ok 'what is in the map is exported' same listed exported
ok 'make install' make -s install DESTDIR="$root"
ok 'pkg-config knows the version' version
ok 'C99 accepts the headers' header gcc c -std=c99
ok 'clang does' header clang c -std=c99
ok '32-bit C11 does' header gcc c -std=c11 -m32
ok 'C++11 does' header g++ c++ -std=c++11
ok 'clang++ does' header clang++ c++ -std=c++11
ok 'a program calls all that is in the map' same listed called
ok 'in C with the shared library' program gcc c
ok 'in C++' program g++ c++
ok 'in C with the static library' program 'gcc -static' c --static
ok 'in C++' program 'g++ -static' c++ --static
ok 'the static one has no other name than the map' same listed in_archive
ok 'so a program may use all others, and is not called instead' own_names
ok 'gcc warns where an answer is dropped' dropped gcc c
ok 'clang does' dropped clang c
ok 'in C++ too' dropped g++ c++
ok 'the shared one leaves nothing behind where it is unloaded' loads
for compiler in gcc clang; do
	ok "$compiler builds it for 32 bits without a warning" in_32 "$compiler"
	ok 'and its tests pass there' passes_32 "$compiler"
done
ok 'no name in it keeps vmgend from the fork sentinels of a program' named_sysgenid
ok 'vmgenctl needs nothing that is not exported' ctl_links
empty 'nor do it and the daemon use internal headers' internal_headers_used
ok 'the ABI is told' make -s "$O/libvmgen.abi"
ok 'it is the recorded one' same_abi "$O/libvmgen.abi"
ok 'one without a function is not' mutant libvmgen/libvmgen.map '/vmgen_id;/d'
ok 'one with another member is not' mutant libvmgen/libvmgen.h 's/uint32_t source;/int32_t source;/'
rm -rf "$root/program" "$root/vmgenctl" "$root/mutant" "$root/exported" "$root/names" "$root/names.c" \
	"$root/dropped" "$root/dropped.c" "$root/embedded" "$root/32-gcc" "$root/32-clang" "$root/tap"
ok 'make uninstall' make -s uninstall DESTDIR="$root"
empty 'which leaves no file' find "$root" ! -type d
tap_done
