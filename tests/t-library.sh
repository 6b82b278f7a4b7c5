#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# libvmgen as others get it: what is declared is exported and the reverse, the
# header suits C++, pkg-config finds both libraries, and uninstall leaves nothing.
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

program() {
	cat <<-'END'
		#include <libvmgen.h>
		#include <vmgen/vmgenid.h>

		int main()
		{
			struct vmgen *v;
			return vmgen_open("/nonexistent", 0, &v) < 0 ? 0 : 1;
		}
	END
}

# compile COMPILER LANGUAGE PKG-CONFIG-OPTIONS...
compile() {
	compiler=$1
	language=$2
	shift 2
	flags=$(PKG_CONFIG_PATH="$root/usr/local/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root" \
		pkg-config --cflags --libs "$@" libvmgen) || return 1
	# shellcheck disable=SC2086 # several words
	program | $compiler -x "$language" - -x none -Wall -Wextra -pedantic -Werror $flags \
		-o "$root/program" && LD_LIBRARY_PATH="$root/usr/local/lib" "$root/program"
}

ok 'what is declared is in the map' same declared listed
ok 'what is in the map is exported' same listed exported
ok 'make install' make -s install DESTDIR="$root"
ok 'a C program links the shared library' compile gcc c
ok 'a C++ program does' compile g++ c++
ok 'clang accepts the headers' compile clang c
ok 'a C program links the static library' compile 'gcc -static' c --static
rm -f "$root/program"
ok 'make uninstall' make -s uninstall DESTDIR="$root"
empty 'which leaves no file' find "$root" ! -type d
tap_done
