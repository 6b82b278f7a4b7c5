# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
# shellcheck shell=sh
#
# What tests of vmgenctl openssl have in common, to be sourced: an /etc and a directory of OpenSSL's
# providers that nobody else sees, and a systemctl that is played.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

O=$(realpath "${O:-build}")
modules=$(pkg-config --variable=modulesdir libcrypto)
if [ -z "$scratch" ]; then
	scratch=$(mktemp -d) || exit 1
	trap 'rm -rf "$scratch"' EXIT
	export scratch
	cp -a /etc "$scratch/etc" && cp -a "$modules" "$scratch/modules" || exit 1
	rm -f "$scratch/modules/vmgen.so"
	unshare --mount sh "$0"
	exit
fi
. tests/tap.sh
mount --bind "$scratch/etc" /etc && mount --bind "$scratch/modules" "$modules" || exit 1
unset OPENSSL_CONF OPENSSL_MODULES
conf=$(realpath "$(openssl version -d | cut -d'"' -f2)/openssl.cnf")
own=/etc/vmgen/openssl.cnf
cp "$conf" "$scratch/shipped"

ctl() {
	"$O/vmgenctl" openssl "$@"
}

# exits STATUS ARGUMENT...
exits() {
	want=$1
	shift
	ctl "$@"
	[ $? = "$want" ]
}

# refuses WORDS: enable does, says why, and leaves all as it was.
refuses() {
	cp "$conf" "$scratch/before"
	! ctl enable 2>"$scratch/error" && cat "$scratch/error" && grep -qF "$1" "$scratch/error" &&
		cmp "$scratch/before" "$conf" && [ ! -e "$own" ]
}

# The providers of primary, public and private generator.
generators() {
	openssl list -random-instances | sed -n 's/.* @ //p' | paste -sd' '
}

ours() {
	[ "$(generators)" = 'vmgen vmgen vmgen' ] && openssl rand -hex 65537 >"$scratch/bytes" &&
		[ "$(wc -c <"$scratch/bytes")" = 131075 ]
}

theirs() {
	[ "$(generators)" = 'default default default' ] && openssl rand -hex 16
}

# Says of unit NAME what is in the file NAME beside it, else what its drop-ins have; where it is asked for
# several, what is in NAME.devices of each. Notes when it reloads, and if the provider is on by then.
play_systemctl() {
	mount -t tmpfs none /run && mkdir -p /run/systemd/system "$scratch/bin" &&
		cat >"$scratch/bin/systemctl" <<'END' && chmod 755 "$scratch/bin/systemctl"
#!/bin/sh
here=${0%/*}
case "$1 $*" in
daemon-reload*) echo "reloaded $(cd /etc/vmgen && ls openssl.cnf)" >>"$here/log" 2>/dev/null ;;
list-unit-files*) cat "$here/list" 2>/dev/null ;;
show*Id,*)
	while [ "$1" != -- ]; do shift; done
	for unit; do
		name=$(echo "$unit" | sed s/@.*/@.service/)
		[ "$unit" = -- ] && continue
		cat "$here/$unit.devices" 2>/dev/null || echo "Id=$unit"
		[ -e "$here/$unit.last" ] || grep -s ^DeviceAllow= "/etc/systemd/system/$name.d/vmgen-openssl-device.conf"
		echo
	done
	exit
esac
[ "$1" = show ] || exit 0
for unit; do :; done
cat "${0%/*}/$unit" 2>/dev/null || sed -n s/^Environment=//p "/etc/systemd/system/$unit.d/"*.conf 2>/dev/null || :
END
	PATH=$scratch/bin:$PATH
}
