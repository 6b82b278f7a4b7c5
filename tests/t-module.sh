#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# DKMS and make build the module from what "make install" installs, with the compiler that built
# the kernel.
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

# As Ubuntu lays them out (debian/scripts/link-headers of its kernel): what was built, a Makefile,
# and relative links to the tree beside it for all else, each of the outermost that is missing.
flavour=${release%-*}-generic
common=$scratch/src/linux-headers-${release%-*}
own=$common-generic
headers_of_ubuntu() {
	mkdir -p "$scratch/src" "$scratch/modules/$flavour" &&
		ln -s "/usr/src/${own##*/}" "$scratch/modules/$flavour/build" &&
		cp -a "${kernel%-*}-common" "$common" && cp -a "$kernel" "$own" &&
		rm "$common/scripts" "$common/tools" "$own/scripts" "$own/tools" "$own/.kernelvariables" &&
		sed 's/= .(CROSS_COMPILE)gcc$/&-12/' "$common/Makefile" >"$own/Makefile" &&
		cp -a "$kernel/scripts/." "$common/scripts" && cp -a "$kernel/scripts/." "$own/scripts" &&
		cp -a "$kernel/tools/." "$own/tools" &&
		find "$common/scripts" -type f -size +8k -exec grep -q '^.ELF' {} \; -delete &&
		find "$own/scripts" -type f ! -exec grep -q '^.ELF' {} \; -delete &&
		echo "$flavour" >"$own/include/config/kernel.release" &&
		sed -i "s/$release/$flavour/" "$own/include/generated/utsrelease.h" || return
	(cd "$common" && find . -mindepth 1) | while read -r path; do
		[ -e "$own/$path" ] || ln -sr "$common/$path" "$own/$path" || return
	done
	readlink "$own/include/linux" "$own/scripts/Makefile.build" | paste -sd ' ' |
		grep -x "../../${common##*/}/include/linux ../../${common##*/}/scripts/Makefile.build"
}

make_kmod_of_ubuntu() {
	# shellcheck disable=SC2016 # for the inner shell
	env -u MAKEFLAGS -u MAKEOVERRIDES unshare --mount sh -ec '
		mount --bind "$1/src" /usr/src
		mount --bind "$1/modules" /lib/modules
		make -s kmod O="$1/o" KREL="$2"' sh "$scratch" "$flavour" &&
		modinfo -F vermagic "$scratch/o/kmod-$flavour/vmgenc.ko" | grep "^$flavour "
}

# Headers as they would be if clang had built this kernel, without what clang 14 cannot do.
headers_of_clang() {
	cp -a "$kernel" "$scratch/clang" && cd "$scratch/clang" &&
		ln -sfn "$(readlink -f "$kernel/scripts")" scripts &&
		ln -sfn "$(readlink -f "$kernel/tools")" tools &&
		echo "include $(readlink -f "${kernel%-*}-common")/Makefile" >Makefile &&
		sed -i '/CC = /d' .kernelvariables &&
		sed -i -E -e 's/^CONFIG_CC_IS_GCC=y/CONFIG_CC_IS_CLANG=y/' \
			-e 's/^CONFIG_GCC_VERSION=.*/CONFIG_GCC_VERSION=0/' \
			-e 's/^CONFIG_CLANG_VERSION=0/CONFIG_CLANG_VERSION=140006/' \
			-e 's/^CONFIG_LD_IS_BFD=y/CONFIG_LD_IS_LLD=y/' -e 's/fallthrough=5/fallthrough/' \
			-e 's/(AUTO_VAR_INIT_ZERO)_BARE=y/\1_ENABLER=y/' \
			-e '/GCC_PLUGIN/d' -e '/^CONFIG_(RETHUNK|SLS|FTRACE_MCOUNT_USE_CC)=/d' \
			.config include/config/auto.conf &&
		sed -i -E '/CONFIG_(RETHUNK|SLS|FTRACE_MCOUNT_USE_CC) /d' include/generated/autoconf.h &&
		touch include/config/auto.conf
}

make_kmod_of_clang() {
	env -u MAKEFLAGS -u MAKEOVERRIDES -u CI -u WERROR -u KCFLAGS KBUILD_EXTRA_WARN=12 make -s kmod O="$scratch/o" KREL=clang KDIR="$scratch/clang" \
		>"$scratch/log" 2>&1 || cat "$scratch/log"
	readelf -p .comment "$scratch/o/kmod-clang/main.o" | grep 'clang version' &&
		! readelf -p .comment "$scratch/o/kmod-clang/main.o" | grep GCC
}

# Of what W=12 shows; macros that wait have one variable twice, which clang tells of those who
# use them.
clang_findings() {
	[ -s "$scratch/log" ] || echo 'it has said nothing'
	grep -E '/kmod-clang/[a-z/]*\.[ch]:.*(warning|error): ' "$scratch/log" | grep -v '\[-Wshadow\]$'
}

# make, where only these compilers are; it does nothing but print what it would do.
make_with() {
	mkdir "$scratch/only" &&
		for name in make sh expr tr uname; do
			ln -s "$(command -v "$name")" "$scratch/only" || return
		done
	for name in $1; do
		ln -s /bin/true "$scratch/only/$name" || return
	done
	shift
	env -u MAKEFLAGS PATH="$scratch/only" make -n -C kmod "$@" modules 2>&1
	rm -r "$scratch/only"
}

# As DKMS calls it, which knows nothing of versions: 3.0, and 3.2.
numbered_clang() {
	make_with 'clang-14 ld.lld-14' KDIR="$scratch/clang" CC=clang LD=ld.lld |
		grep 'CC=clang-14 LD=ld.lld-14 modules$' || return
	tools=$(printf '%s-14 ' clang ld.lld llvm-ar llvm-nm llvm-objcopy llvm-strip)
	make_with "$tools" KDIR="$scratch/clang" LLVM=1 |
		grep 'CC=clang-14 LD=ld.lld-14 AR=llvm-ar-14 NM=llvm-nm-14 OBJCOPY=llvm-objcopy-14'
}

other_llvm() {
	make_with 'clang ld.lld' KDIR="$scratch/clang" LLVM=-15 | grep "M=$PWD/kmod *modules\$"
}

other_clang() {
	make_with 'clang ld.lld' KDIR="$scratch/clang" | grep 'CC=clang LD=ld.lld modules$'
}

named_compiler() {
	make_with 'clang ld.lld' KDIR="$scratch/clang" CC=clang-15 |
		grep ' LD=ld.lld modules$' | grep -v ' CC='
}

no_clang() {
	make_with gcc KDIR="$scratch/clang" |
		grep 'built with clang 14, and there is neither clang-14 nor clang: install LLVM 14'
}

# Not what the kernel's makefiles name, which may not be there; by the name that it had, if it is.
any_gcc() {
	make_with gcc KDIR="$kernel" | grep ' CC=gcc modules$' &&
		make_with 'gcc gcc-12' KDIR="$kernel" | grep ' CC=gcc-12 modules$' &&
		make_with 'gcc aarch64-linux-gnu-gcc' KDIR="$kernel" CROSS_COMPILE=aarch64-linux-gnu- |
			grep ' CC=aarch64-linux-gnu-gcc modules$'
}

# As Ubuntu says it.
long_name() {
	mkdir -p "$scratch/long/include/config" && touch "$scratch/long/Makefile" &&
		printf '%s\n' CONFIG_GCC_VERSION=130300 'CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-13 (Ubuntu 13.3.0) 13.3.0"' \
			>"$scratch/long/include/config/auto.conf" &&
		make_with 'gcc gcc-13 x86_64-linux-gnu-gcc-13' KDIR="$scratch/long" |
			grep ' CC=x86_64-linux-gnu-gcc-13 modules$'
}

no_gcc() {
	make_with clang KDIR="$kernel" |
		grep 'built with gcc 12, and there is neither gcc-12 nor gcc: install gcc-12'
}

# What runs is the kernel of the host where an image is being built.
no_headers() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -ec '
		mkdir -p /lib/modules && mount -t tmpfs tmpfs /lib/modules
		said() {
			echo "$2" | grep -E "$1" || { echo "$2"; exit 1; }
		}
		runs="no headers of Linux $(uname -r), the kernel that runs, in .*: install linux-headers-"
		said "$runs.* where they are\." "$(make -s kmod O="$1" 2>&1)"
		for release in 6.1.0-9-amd64 6.12.0-amd64; do
			mkdir -p "/lib/modules/$release/build"
			touch "/lib/modules/$release/build/Makefile"
		done
		said "$runs.*, or by KREL= one of: 6.1.0-9-amd64 6.12.0-amd64\." "$(make -s kmod O="$1" 2>&1)"
		said "no headers of Linux 7.0 in .*, or by KREL= one of: 6.1" "$(make -s kmod O="$1" KREL=7.0 2>&1)"
		! make -s kmod O="$1" KREL=7.0' sh "$scratch/o"
}

ok 'dkms takes what make install installs' install_module
ok 'dkms builds it' build_module
ok 'dkms removes it' remove_module
ok 'make kmod builds a module that udev finds' make_kmod
if [ -n "$VMGEN_ALL" ]; then
	ok 'headers are laid out as those of Ubuntu' headers_of_ubuntu
	ok 'make kmod builds a module there' make_kmod_of_ubuntu
fi
ok 'headers are those of a kernel that clang built' headers_of_clang
ok 'make kmod builds with clang for a kernel that clang built' make_kmod_of_clang
empty 'clang has nothing to say of the module' clang_findings
ok 'a clang whose name has a number is found, also for DKMS' numbered_clang
ok 'another clang is better than none' other_clang
ok 'a compiler that is named is used' named_compiler
ok 'also as LLVM=' other_llvm
ok 'without a clang there is a message with the remedy' no_clang
ok 'a gcc with another name or version is better than none' any_gcc
ok 'the one that built the kernel is found by its long name' long_name
ok 'without a gcc there is a message with the remedy' no_gcc
ok 'without headers there is one that names the kernels that have some' no_headers
tap_done
