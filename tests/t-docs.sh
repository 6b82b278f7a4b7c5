#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# make docs: each reference to a page of vmgen is a link, each link leads to a page, a section or a
# picture that is there, and what others have stays text.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
docs=${O:-build}/docs

# Lines "FILE TARGET".
targets() {
	grep -oE '(href|src)="[^"]*"' "$docs"/*.html | sed -E "s,^.*/([^/]*\.html):[a-z]+=\"(.*)\"$,\1 \2,"
}

broken() {
	[ "$(targets | wc -l)" -gt 300 ] || echo 'there are hardly any links'
	targets | sort -u | while read -r page target; do
		case $target in
		\#*) grep -qF "id=\"${target#\#}\"" "$docs/$page" ;;
		*/*|*:*) false ;;
		*) [ -s "$docs/$target" ] ;;
		esac || echo "$page: $target"
	done
}

# References that are no links. FreeBSD has a vmgenc(4).
unlinked() {
	for file in "$docs"/*.html; do
		sed 's,<a href="[^"]*"><b>[^<]*</b>([1-9])</a>,,g' "$file" |
			grep -oE '<b>(lib)?vmgen[a-z_.-]*</b>\([1-9]\)' | sed "s,</*b>,,g; s,^,${file##*/}: ,"
	done | grep -vxF 'vmgenid.4.html: vmgenc(4)'
}

# As they stand in the sources; a link's text is the reference.
lost() {
	git ls-files --cached --others --exclude-standard '*.scd' | while read -r source; do
		page=$(basename "${source%.scd}").html
		[ -e "$docs/$page" ] || { echo "there is no $page"; continue; }
		grep -oE '\*(lib)?vmgen[a-z\\_.-]*\*\([1-9]\)' "$source" | sed 's/[*\\]//g' | sort -u |
		while read -r name; do
			[ "$page $name" = 'vmgenid.4.html vmgenc(4)' ] ||
				sed 's/<[^>]*b>//g' "$docs/$page" | grep -qF "\">$name</a>" || echo "$page: $name"
		done
	done
}

foreign_is_text() {
	grep -q '[^>]<b>systemctl</b>(1)' "$docs/vmgend.8.html" && ! grep 'href="http' "$docs"/*.html
}

# A page that is gone, a section that is, and a reference without a link.
all_are_found() {
	cp -r "$docs" "$scratch/docs" && docs=$scratch/docs && rm "$docs/vmgend.conf.5.html" || return 1
	sed -i -e 's/id="GUARDS"/id="GUARD"/' -e 's,<a href="vmgenctl.1.html">\(<b>vmgenctl</b>(1)\)</a>,\1,g' \
		"$docs/vmgend.8.html"
	broken >"$scratch/broken"
	unlinked >"$scratch/unlinked"
	lost >"$scratch/lost"
	grep -qx 'index.html: vmgend.conf.5.html' "$scratch/broken" &&
		grep -qx 'vmgend.8.html: #GUARDS' "$scratch/broken" &&
		[ "$(cat "$scratch/unlinked")" = 'vmgend.8.html: vmgenctl(1)' ] &&
		grep -qx 'vmgend.8.html: vmgenctl(1)' "$scratch/lost"
}

# Pages, and pictures beside what they show.
not_in_index() {
	for file in "$docs"/*.[1-8].html "$docs"/*.svg; do
		grep -qF "=\"${file##*/}\"" "$docs/index.html" || echo "$file"
	done
	grep -oE '\]\([a-z/]+\.svg\)' README.md | tr -d '](' | tr -d ')' | while read -r picture; do
		[ -s "$picture" ] && cmp -s "$picture" "$docs/$(basename "$picture")" || echo "README.md: $picture"
	done
}

ok 'make docs' make -s docs
empty 'each link leads somewhere' broken
empty 'each reference to a page of vmgen is a link' unlinked
empty 'none was lost on the way' lost
ok 'those of others are text' foreign_is_text
empty 'the index has all pages and pictures' not_in_index
ok 'what is wrong would be found' all_are_found
ok 'pictures are XML' python3 -c 'import sys, xml.dom.minidom as m; [m.parse(f) for f in sys.argv[1:]]' "$docs"/*.svg
tap_done
