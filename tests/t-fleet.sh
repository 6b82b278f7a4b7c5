#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The module for one kernel: in a package of its own, and signed; and what is said where that
# cannot be. What comes of it in machines is in tests/vm/t-fleet.py and t-secureboot.py.
#
# functions are called through ok
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
headers=$(PYTHONPATH=tests/vm python3 -m harness.kernel headers 6.1) || exit 1
release=${headers##*/linux-headers-}
name=vmgen-module-$release
one=$scratch/one
# As a make that calls this one must not show.
unset MAKEFLAGS MAKEOVERRIDES

new_key() {
	openssl req -x509 -newkey rsa:2048 -days 2 -subj "/CN=$1" -keyout "$scratch/$1.key" \
		-out "$scratch/$1.pem" "${2--nodes}" ${2:+"$3"} 2>&1
}

run_make() {
	make -s "$@" KREL="$release" KDIR="$headers" KCC=gcc-12 >"$scratch/log" 2>&1 ||
		{ cat "$scratch/log"; return 1; }
}

# says TEXT COMMAND...: it fails, and tells why.
says() {
	text=$1
	shift
	! "$@" >"$scratch/said" 2>&1 || return
	cat "$scratch/said"
	grep -qF -e "$text" "$scratch/said"
}

# refuses TEXT VARIABLE...: before anything is made.
refuses() {
	text=$1
	shift
	says "$text" make -s kmod O="$scratch/none" KREL="$release" KDIR="$headers" "$@" &&
		! test -e "$scratch/none"
}

# unfit TEXT KEY CERTIFICATE [KDIR]
unfit() {
	says "$1" packaging/module/sign "${4-$headers}" "$2" "$3"
}

both_builds() {
	(umask 022 && TZ=UTC run_make deb-module O="$one") &
	(umask 027 && TZ=Asia/Tokyo run_make deb-module O="$scratch/another/place") &
	wait
	ls "$one/deb/${name}_"*_amd64.deb "$scratch/another/place/deb/${name}_"*_amd64.deb
}

same_bytes() {
	cmp "$one"/deb/*.deb "$scratch"/another/place/deb/*.deb
}

without_complaint() {
	lintian --fail-on error,warning "$one"/deb/*.changes
}

# Nothing that the package for another kernel has as well.
own_files() {
	dpkg-deb -c "$one"/deb/*.deb | awk '!/\/$/ { print $6 }' |
		grep -v -e "^./usr/lib/modules/$release/updates/vmgenc.ko\$" \
			-e "^./usr/share/doc/$name/"
}

# A root in which depmod tells what it was asked for.
scripts() {
	dpkg-deb -e "$one"/deb/*.deb "$scratch/control" && mkdir "$scratch/bin" || return
	printf '#!/bin/sh\necho "depmod $*"\n' >"$scratch/bin/depmod"
	chmod +x "$scratch/bin/depmod"
	# shellcheck disable=SC2016 # for the inner shell
	PATH=$scratch/bin:$PATH unshare --mount sh -ec '
		for directory in /lib/modules /run; do
			mkdir -p $directory; mount -t tmpfs tmpfs $directory
		done
		test -z "$("$1/postinst" configure)$("$1/postrm" remove)"
		mkdir /lib/modules/$2
		touch /lib/modules/$2/modules.order
		test "$("$1/postinst" configure)" = "depmod $2"
		test "$("$1/postrm" remove)" = "depmod $2"' sh "$scratch/control" "$release"
}

# As all of vmgen's packages: DKMS would have a module of that name too.
refuses_source() {
	mkdir -p "$scratch/root/usr/lib/vmgen" && touch "$scratch/root/usr/lib/vmgen/uninstall" &&
		DPKG_ROOT=$scratch/root says 'by "make install"' "$scratch/control/preinst" install
}

# signer MODULE: and what was signed of it.
signer() {
	modinfo "$1" >"$scratch/info" && sed -nE 's/^(signer|sig_hashalgo): *//p' "$scratch/info" |
		paste -sd ' '
}

make_signed() {
	run_make kmod O="$one" SIGN_KEY="$key" SIGN_CERT="$certificate" &&
		[ "$(signer "$one/kmod-$release/vmgenc.ko")" = 'fleet sha256' ]
}

# sign_again KEY CERTIFICATE
sign_again() {
	cp "$one/kmod-$release/vmgenc.ko" "$scratch/again.ko" &&
		packaging/module/sign "$headers" "$1" "$2" "$scratch/again.ko"
}

sign_twice() {
	openssl x509 -in "$certificate" -outform DER -out "$scratch/fleet.der" &&
		sign_again "$key" "$scratch/fleet.der" &&
		cmp "$one/kmod-$release/vmgenc.ko" "$scratch/again.ko"
}

with_passphrase() {
	KBUILD_SIGN_PIN=secret sign_again "$scratch/locked.key" "$scratch/locked.pem" &&
		[ "$(signer "$scratch/again.ko")" = 'locked sha256' ]
}

no_openssl() {
	mkdir "$scratch/only" &&
		for program in sh mktemp rm; do
			ln -s "$(command -v "$program")" "$scratch/only" || return
		done
	PATH=$scratch/only:$PATH says 'apt-get install openssl' env PATH="$scratch/only" \
		packaging/module/sign "$headers" "$key" "$certificate"
}

ok 'keys' new_key fleet
ok 'another' new_key other
ok 'one with a passphrase' new_key locked -passout pass:secret
echo text >"$scratch/text"
mkdir "$scratch/bare"
key=$scratch/fleet.key
certificate=$scratch/fleet.pem

ok 'without headers it names their package' refuses 'install linux-headers-6.1.0-0-none' \
	KREL=6.1.0-0-none KDIR=/lib/modules/6.1.0-0-none/build
ok 'a release is no text' refuses 'KREL= is no release' "KREL='a b/c"
ok 'nor empty' refuses 'KREL= is no release' KREL=
ok 'a key needs its certificate' refuses 'name the certificate of' "SIGN_KEY=$key"
ok 'a certificate its key' unfit 'name the private key of' '' "$certificate"
ok 'both are files' unfit "$scratch/none: there is no such file" "$scratch/none" "$certificate"
ok 'a key that is none' unfit "text is no private key" "$scratch/text" "$certificate"
ok 'a certificate that is none' unfit 'text is no certificate' "$key" "$scratch/text"
ok 'a key of another certificate' unfit "fleet.key does not fit $scratch/other.pem" "$key" \
	"$scratch/other.pem"
ok 'a passphrase that is missing' unfit 'KBUILD_SIGN_PIN has not got its passphrase' \
	"$scratch/locked.key" "$scratch/locked.pem"
ok 'a kernel without signatures' unfit 'was built without signatures of modules' "$key" \
	"$certificate" "$scratch/bare"
ok 'no openssl' no_openssl

ok 'make kmod signs with a key' make_signed
ok 'twice is once, and DER is as good as PEM' sign_twice
ok 'a passphrase is taken from KBUILD_SIGN_PIN' with_passphrase
ok 'make deb-module without a key, and elsewhere, in another time zone' both_builds
ok 'gives the same bytes' same_bytes
ok 'lintian finds neither errors nor warnings' without_complaint
empty 'packages for several kernels have no file in common' own_files
ok 'depmod is called, but not for a kernel that is not there' scripts
ok 'it is not installed over make install' refuses_source
tap_done
