#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Prints which directory of C sources uses which others, by what its files include, the
# lowest first. Directories that use each other are an error, which tsort(1) tells.

cd "$(dirname "$0")/.." || exit 1

# A header without a directory is a neighbour; with one it is below daemon/.
pairs() {
	git ls-files --cached --others --exclude-standard 'kmod/*.[ch]' 'libvmgen/*.[ch]' 'daemon/*.[ch]' |
	while read -r file; do
		from=$(dirname "$file")
		echo "$from $from"
		sed -nE 's/^#include "(.*)"/\1/p' "$file" | while read -r header; do
			if [ -e "$from/$header" ]; then
				to=$(dirname "$from/$header")
			elif [ -e "daemon/$header" ]; then
				to=$(dirname "daemon/$header")
			else
				to=$(dirname "libvmgen/$header")
			fi
			[ "$to" = "$from" ] || echo "$from $to"
		done
	done | sort -u
}

used=$(pairs)
order=$(echo "$used" | tsort) || exit 1
for room in $(echo "$order" | tac); do
	echo "$room:$(echo "$used" | awk -v room="$room" '$1 == room && $2 != room { printf " %s", $2 }')"
done
