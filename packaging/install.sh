#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What "make install" and "make uninstall" do, with DESTDIR= in the environment.
# install.sh install|uninstall NOTE, with lines like these as input:
#
#	file:MODE:SOURCE:DIRECTORY
#	setting:MODE:SOURCE:DIRECTORY	which stays once somebody has changed it
#	link:TARGET:PATH
#	own:DIRECTORY			of nobody else, should the note be lost
#
# NOTE is the program that takes all of it away. What an earlier installation has noted there
# stays in it, or files that are no longer part of vmgen would be left behind.
set -eu
# The note is a program for root.
umask 022

root=${DESTDIR-}
# DESTDIR=/ is no other root.
root=${root%/}
here=$(dirname "$0")
# With any prefix, for the packages to find, and for anyone who has no source any more. In
# another root it would become part of what is made of that.
kept=/usr/lib/vmgen/uninstall
note=$kept
[ -z "$root" ] || note=$2-$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)
list=$(cat)

# of KIND: what is said of these, as lines with blanks
of() {
	printf '%s\n' "$list" | sed -n "s/^$1://p" | tr : ' '
}

# Both would have a file of their own for the same thing, of which systemd or DKMS takes one.
refuse_packages() {
	# All whose files are there, configured or not; with the architecture where there may be two.
	# shellcheck disable=SC2016 # for dpkg-query
	debs=$(dpkg-query -W -f='${db:Status-Abbrev} ${binary:Package}\n' 'vmgend*' 'vmgen-*' 'libvmgen*' \
		2>/dev/null | sed -n 's/^.[^nc]. *//p' | tr '\n' ' ')
	rpms=$(rpm -qa --qf '%{NAME} ' 'vmgen*' 'libvmgen*' '*kmod-vmgenc*' 2>/dev/null) || rpms=
	[ -n "$debs$rpms" ] || return 0
	echo 'vmgen is installed as packages, and cannot be there twice. Remove those first, as root:' >&2
	[ -z "$debs" ] || echo "  apt-get remove ${debs% }" >&2
	[ -z "$rpms" ] || echo "  dnf remove ${rpms% }" >&2
	exit 1
}

# The directories that are missing now; those of others stay when all is taken away.
missing_directories() {
	{ of file; of setting; of link | sed 's/ / - /;s,/[^/]*$,,'; echo "- - ${kept%/*}"; } | awk '{ print $3 }' |
	sort -u | while read -r directory; do
		while [ "$directory" != / ] && ! [ -d "$root$directory" ]; do
			echo "made $directory"
			directory=$(dirname "$directory")
		done
	done
}

sum() {
	sha256sum <"$1" | cut -d ' ' -f 1
}

# is_ours PATH: nobody has changed the setting since it was installed.
is_ours() {
	[ -f "$note" ] && grep -qxF "#: setting $(sum "$root$1") $1" "$note"
}

# What an installation consists of; "made" comes from missing_directories.
contents() {
	of file | while read -r _ source directory; do
		echo "file $directory/${source##*/}"
	done
	of link | while read -r _ path; do echo "file $path"; done
	of own | sed 's/^/made /'
}

all_settings() {
	of setting | while read -r _ source directory; do
		echo "setting $(sum "$source") $directory/${source##*/}"
	done
}

copy_settings() {
	of setting | while read -r mode source directory; do
		path=$directory/${source##*/}
		[ ! -e "$root$path" ] || is_ours "$path" || continue
		install -D -m "$mode" "$source" "$root$path"
		echo "setting $(sum "$source") $path"
	done
}

# A directory in a line: there are two hundred files.
copy_files() {
	of file | awk '{ n[$3 " " $1]++; what[$3 " " $1] = what[$3 " " $1] " " $2 }
		END { for (k in n) print k, n[k] what[k] }' | sort | while read -r directory mode count sources; do
		# shellcheck disable=SC2086 # words
		names=$([ "$count" -gt 4 ] || basename -a $sources | paste -sd ' ')
		printf '  INSTALL %s: %s\n' "$directory" "${names:-$count files}"
		# shellcheck disable=SC2086 # words
		install -d "$root$directory" && install -m "$mode" $sources "$root$directory"
	done
	of link | while read -r target path; do ln -sf "$target" "$root$path"; done
}

# write_note LINES: an earlier one's as well.
write_note() {
	install -d "${note%/*}"
	{
		cat "$here/uninstall.sh"
		{ printf '%s\n' "$1" | sed 's/^/#: /'; sed -n '/^#: /p' "$note" 2>/dev/null || :; } | sort -u
	} >"$note.new"
	chmod 755 "$note.new" && mv "$note.new" "$note"
}

# Programs find libraries by a cache, and journalctl -x texts by another.
tell_others() {
	ldconfig 2>/dev/null || :
	journalctl --update-catalog 2>/dev/null || :
	echo "  $kept takes all of it away again."
}

if [ "$1" = install ]; then
	[ -n "$root" ] || refuse_packages
	made=$(missing_directories)
	copy_files
	settings=$(copy_settings)
	write_note "$(contents; printf '%s\n' "$made" "$settings")"
	[ -n "$root" ] || tell_others
else
	[ -f "$note" ] || write_note "$(contents; all_settings)"
	sh "$note" "$root"
fi
