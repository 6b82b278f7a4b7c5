#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Takes away what "make install" has installed: lines below that begin with "#:" say what, and
# install.sh has written them. uninstall [DESTDIR]
set -u

root=${1-}
fenced=
if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
	echo 'Only root can uninstall vmgen.' >&2
	exit 1
fi
notes=$(sed -n 's/^#: //p' "$0")

# noted KIND
noted() {
	printf '%s\n' "$notes" | sed -n "s/^$1 //p"
}

reload() {
	[ ! -d /run/systemd/system ] || systemctl daemon-reload
}

# A fence outlasts vmgenctl if a unit asks by what that has written; keep_fences PROGRAM
keep_fences() {
	for fence in /var/lib/vmgen/fence/*.service; do
		reason=$(head -n 1 "$fence" 2>/dev/null) || continue
		"$1" fence set "${fence##*/}" "${reason:-it was fenced already}"
	done
	"$1" fence list
}

# What runs, what is built, and what is written into files of others, while the programs are there.
stop() {
	noted file | grep '\.service\.d/vmgen\.conf$' | while read -r path; do rm -f "$path"; done
	reload
	for path in $(noted file | grep '/vmgenctl$'); do
		[ -x "$path" ] || continue
		"$path" openssl disable --all
		fenced=$(keep_fences "$path")
	done
	if command -v systemctl >/dev/null; then
		systemctl -q disable vmgend.service
		[ ! -d /run/systemd/system ] || systemctl stop vmgend.service
	fi
	for path in $(noted file | sed -n 's,^/usr/src/vmgenc-\(.*\)/dkms.conf$,\1,p'); do
		[ ! -d "/var/lib/dkms/vmgenc/$path" ] || dkms remove "vmgenc/$path" --all
	done
}

remove() {
	noted file | while read -r path; do rm -f "$root$path"; done
	noted setting | while read -r sum path; do
		[ ! -f "$root$path" ] || [ "$(sha256sum <"$root$path")" != "$sum  -" ] || rm "$root$path"
	done
	rm -f "$0"
	noted made | sort -ru | while read -r path; do rmdir "$root$path" 2>/dev/null; done
}

# Programs find libraries by a cache, journalctl -x texts by another, and systemd has read units.
tell_others() {
	ldconfig 2>/dev/null
	journalctl --update-catalog 2>/dev/null
	reload
	[ ! -d /var/lib/vmgen ] || echo 'Left: /var/lib/vmgen, with the record, the history and fences.'
	[ -z "$fenced" ] || printf 'These stay down until vmgen is installed again to lift the fence:\n%s\n' "$fenced"
}

[ -n "$root" ] || stop
remove
[ -n "$root" ] || tell_others
exit 0

