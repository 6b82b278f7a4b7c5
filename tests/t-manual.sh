#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The manual of libvmgen: a page for each function, with what the header says of
# its errors, and examples that are the files, and that compile as a user does it.
# And of all pages: the pages and the tests that they name exist.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

O=${O:-build}
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT

functions() {
	sed -nE 's/^\t(vmgen_[a-z_]+);/\1/p' libvmgen/libvmgen.map
}

# As man(1) finds and shows them in the installed tree, links followed.
render() {
	mkdir "$root/pages" && makewhatis "$root/usr/local/share/man" || return 1
	for name in libvmgen $(functions); do
		mman -M "$root/usr/local/share/man" -T ascii -O width=120 3 "$name" |
			col -bx >"$root/pages/$name"
	done
}

page() {
	cat "$root/pages/$1"
}

without_page() {
	functions | while read -r f; do
		page "$f" | grep -q "^     *.*[ *]$f(.*[,;]\$" || echo "$f"
	done
}

not_in_overview() {
	functions | while read -r f; do
		page libvmgen | grep -qF "$f(3)" || echo "$f"
	done
}

# Lines "FUNCTION ERROR" of the comments above the declarations.
errors() {
	awk '/^\/\*/ { comment = "" } { comment = comment " " $0 }
	     match($0, /vmgen_[a-z_]+\(/) && /^[a-z]/ {
		f = substr($0, RSTART, RLENGTH - 1)
		while (match(comment, /-E[A-Z0-9]+/)) {
			print f, substr(comment, RSTART + 1, RLENGTH - 1)
			comment = substr(comment, RSTART + RLENGTH)
		}
	     }' "${1:-libvmgen/libvmgen.h}" | sort -u
}

errors_not_in_page() {
	errors "$@" | while read -r f e; do
		page "$f" | grep -qw "$e" || echo "$f: $e"
	done
}

# The header says more than 30; with one that the pages do not know.
errors_are_compared() {
	[ "$(errors | wc -l)" -gt 30 ] || return 1
	sed 's/-EACCES/-EDOM/' libvmgen/libvmgen.h >"$root/libvmgen.h"
	[ "$(errors_not_in_page "$root/libvmgen.h")" = 'vmgen_open: EDOM' ]
}

# tests/unit/t-errors.c provokes each; it runs on no big-endian machine.
errors_not_provoked() {
	sed -nE 's/^\t\{ "(vmgen_[a-z_]+)", (E[A-Z]+),.*/\1 \2/p' tests/unit/t-errors.c | sort -u >"$root/provoked"
	errors "$@" | comm -3 - "$root/provoked" | grep -vx 'vmgen_open EOPNOTSUPP'
}

provoked_are_compared() {
	errors_not_provoked "$root/libvmgen.h" >"$root/not-provoked"
	grep -qx 'vmgen_open EDOM' "$root/not-provoked" && grep -qw EACCES "$root/not-provoked"
}

without_attributes() {
	functions | while read -r f; do
		page "$f" | grep -q '^ATTRIBUTES' || echo "$f"
	done
}

pages() {
	git ls-files --cached --others --exclude-standard '*.scd'
}

# files FILE...: tests and tables that pages name
files() {
	grep -ohE 'tests/[a-z/]+[a-z0-9-]+\.[a-z]+' "$@" | sort -u
}

# The two that are about evidence name a lot of it.
missing_files() {
	[ "$(files "$@" | wc -l)" -gt 20 ] || echo 'hardly any test is named'
	files "$@" | while read -r f; do
		[ -e "$f" ] || echo "$f"
	done
}

missing_is_found() {
	sed 's/t-silent/t-silence/' kmod/vmgen-hypervisors.7.scd >"$root/page.scd"
	[ "$(missing_files "$root/page.scd")" = tests/vm/t-silence.py ]
}

# Statements about hosts that do not say how they are known: in brackets, and as the last cell of
# a line that is typed. A table begins with brackets, too.
unmarked() {
	sed -n '/^# THE DEVICE IN/,/^# WHY HYPERCALLS/ { /^\[\[/d; p; }' "$1" | tr -s '\n ' ' ' |
		grep -oE '\[[^]]*\]' >"$root/marks"
	[ "$(wc -l <"$root/marks")" -gt 60 ] || echo 'hardly any statement has brackets'
	grep -vE '^\[(run|read|told|shape)(: [^ ].*)?\]$' "$root/marks"
	sed -n '/^# WHAT YOU TYPE/,/^# HYPERVISORS/p' "$1" |
		awk '/^\|/ { check(); row = substr($0, 4) } /^:/ { cell = substr($0, 4) } !NF { check() }
		     function check() {
			if (row && cell !~ /^(run|read|told|not tried)$/)
				print row
			n += row != ""
			row = ""
		     }
		     END { if (n < 30) print "hardly any line is typed" }'
}

unmarked_is_found() {
	sed -e 's/^  change\. \[run: /  change. [/' -e '/^|  _virt-clone_$/,/^|/s/^:  run$/:  of course/' \
		kmod/vmgen-hypervisors.7.scd >"$root/page.scd"
	[ "$(unmarked "$root/page.scd" | paste -sd ,)" = '[_tests/vm/t-restore.py_],_virt-clone_' ]
}

# Pages of vmgen's own that are not installed; FreeBSD has a vmgenc(4).
missing_pages() {
	pages | xargs sed 's/FreeBSD.s \*vmgenc\*(4)//' ./*.md |
		grep -ohE '[*`](lib)?vmgen[a-z_.-]*\*?\([1-9]\)' | tr -d '*`' | sort -u |
		sed 's/[()]/ /g' | while read -r name section; do
			[ -e "$root/usr/local/share/man/man$section/$name.$section" ] || echo "$name($section)"
		done
}

# To the last character; the page indents it. The fifth line names the program.
example_is_shown() {
	lines=$(grep -c . "$1")
	expand "$1" | sed 's/^ *//' | grep . >"$root/file"
	page libvmgen | sed 's/^ *//' | grep . >"$root/page"
	first=$(grep -nFx "$(sed -n 5p "$root/file")" "$root/page" | cut -d : -f 1)
	tail -n +"$((first - 4))" "$root/page" | head -n "$lines" | cmp - "$root/file"
}

another_is_not() {
	sed 's/return 1/return 2/' libvmgen/examples/prng.c >"$root/another.c"
	! example_is_shown "$root/another.c"
}

# compile COMPILER FILE LANGUAGE
compile() {
	flags=$(PKG_CONFIG_PATH="$root/usr/local/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root" \
		pkg-config --cflags --libs libvmgen) || return 1
	# shellcheck disable=SC2086 # several words
	$1 -x "$3" "$2" -x none -O2 -Wall -Wextra -pedantic -Werror $flags -o "$root/example"
}

# refuses NAME STATUS ARGUMENT WORDS [SECONDS]: here, without the device; the guests have one.
refuses() {
	compile gcc "libvmgen/examples/$1.c" c || return 1
	output=$(echo request | LD_LIBRARY_PATH="$root/usr/local/lib" \
		timeout "${5:-60}" "$root/example" ${3:+"$3"} 2>&1)
	[ $? = "$2" ] && printf '%s' "$output" | grep -q "$4"
}

# Lines "SCENARIO KERNEL [+]": what make check boots, and with + what make check-all adds.
booted() {
	# shellcheck disable=SC2016 # variables of make
	env -u KERNELS -u SCENARIOS -u MAKEFLAGS -u MAKEOVERRIDES make -s --eval \
		'booted: ; @printf "%s\n" $(KERNELS) - $(vm_tests) + $(more_tests)' booted |
		awk '$0 == "-" { list = 1; next } $0 == "+" { more = " +"; next }
		     !list { rank[$0] = ++n }
		     list { n = split($0, part, "/"); sub(/\.t$/, "", part[n])
			    print (part[n - 1] in rank ? rank[part[n - 1]] : 99), part[n], part[n - 1] more }' |
		sort -n | cut -d' ' -f2-
}

# cell ARM SCENARIO...: as vmgenid(4) has it.
cell() {
	arm=$1
	shift
	awk -v arm="$arm" -v names=" $* " '
		!index(names, " " $1 " ") || ($2 ~ /-arm64$/) != arm { next }
		!seen[$2]++ { kernel[++n] = $2 }
		!$3 { always[$2] = 1 }
		END {
			for (i = 1; i <= n; i++) {
				name = kernel[i]
				sub(/-arm64$/, "", name)
				if (always[kernel[i]])
					all = all " " name
				else
					more = more " " name
			}
			sub(/^ /, "", more)
			all = all (more ? " (" more ")" : "")
			print all ? substr(all, 2) : "untested"
		}' "$root/booted"
}

# Rows of the table that are not what is booted.
wrong_rows() {
	booted >"$root/booted" && [ -s "$root/booted" ] || echo 'nothing is booted'
	sed -n '/^# TESTED/,/^# NOTES/s/^[|:]  //p' "${1:-kmod/vmgenid.4.scd}" | while
		read -r what && read -r x86 && read -r arm
	do
		scenarios=$(echo "$what" | sed 's/.* in _//; s/_$//; s/,//g')
		# shellcheck disable=SC2086 # several words
		[ "$x86" = "$(cell 0 $scenarios)" ] && [ "$arm" = "$(cell 1 $scenarios)" ] || echo "$what"
	done
}

wrong_row_is_found() {
	sed 's/^:  newest (7.2)$/:  newest/' kmod/vmgenid.4.scd >"$root/page" && [ "$(wrong_rows "$root/page" | wc -l)" = 1 ]
}

ok 'make install' make -s install DESTDIR="$root"
ok 'man shows pages' render
empty 'man finds a page for each function, which declares it' without_page
empty 'the overview names all functions' not_in_overview
empty 'each error of the header is in the page' errors_not_in_page
ok 'one that is not would be found' errors_are_compared
empty 'each has a test that provokes it' errors_not_provoked
ok 'one that has none would be found' provoked_are_compared
empty 'each page says what is safe in threads and signal handlers' without_attributes
# shellcheck disable=SC2046 # several files
empty 'the tests that pages name exist' missing_files $(pages)
ok 'one that does not would be found' missing_is_found
empty 'so do the pages' missing_pages
empty 'each statement about a host says how it is known' unmarked kmod/vmgen-hypervisors.7.scd
ok 'one that does not would be found' unmarked_is_found
empty 'what vmgenid(4) calls tested is booted' wrong_rows
ok 'what is not would be found' wrong_row_is_found
for example in libvmgen/examples/*.c; do
	ok "$example is in the overview" example_is_shown "$example"
	ok 'gcc compiles it' compile gcc "$example" c
	ok 'clang does' compile clang "$example" c
	ok 'g++ does' compile g++ "$example" c++
done
ok 'a text that differs would be found' another_is_not
ok 'without a device prng is slow' refuses prng 124 /nonexistent '^0 [0-9]* ' 5
ok 'event-loop says so' refuses event-loop 1 /nonexistent 'event-loop: No such file'
ok 'pre-fork wants a port' refuses pre-fork 2 '' 'usage: pre-fork'
tap_done
