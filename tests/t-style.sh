#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The house rules of CONTRIBUTING.md, as far as a program can tell.
#
# The functions are called through ok and empty:
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

sources() {
	git ls-files --cached --others --exclude-standard -- "$@"
}

without_spdx() {
	sources ':!LICENSES' ':!tests/fuzz/seeds' | while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f"
	done
}

without_copyright() {
	sources ':!LICENSES' ':!tests/fuzz/seeds' | while read -r f; do
		head -n 5 "$f" | grep -q 'Copyright (C) the vmgen authors' || echo "$f"
	done
}

catch_all_names() {
	sources | grep -E '(^|/)(util|utils|common|helpers?|misc)\.[a-z]+$'
}

version_tests() {
	sources kmod | xargs grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION\('
}

long_files() {
	sources '*.c' '*.h' '*.py' '*.sh' | xargs wc -l | awk '$2 != "total" && $1 > 450'
}

skipped_tests() {
	sources tests ':!tests/vm/harness/tap.py' ':!tests/t-style.sh' | xargs grep -niE '# *(skip|todo)\b'
}

# What is waited for is told by happens(), which fails where it does not come.
certain_tests() {
	sources 'tests/*.py' | xargs grep -nE '\bt\.ok\(True\b'
}

# Those of make check-mutants: each old text stands once in its file.
stale_faults() { { python3 tests/mutants/run.py --place "${O:-build}" --list >/dev/null; } 2>&1; }

# Text of others goes to a terminal, a log or a metric by way of daemon/base/text.c; main.c has
# its own usage, and metrics.c numbers and its own words.
raw_prints() {
	sources 'daemon/*.c' ':!daemon/base/text.c' ':!daemon/hooks' | xargs grep -nE \
		'(^|[^a-z_])(f?printf|vf?printf|dprintf|perror|warnx?|errx?)\(([^"]*"[^"]*%[-*0-9.]*s|[^"]*$)' |
		grep -vE '^daemon/(ctl/main|ctl/metrics|options)\.c:[0-9]+:\s*f?printf\((stream|out|"Usage|"%s)'
}

# CONTRIBUTING.md has who may use whom, so a new arrow is drawn there first.
changed_arrows() {
	drawn=$(sed -nE '/^## Rooms/,/^## Where/ s/^    ([a-z/]+:.*)/\1/p' CONTRIBUTING.md | sort)
	if ! rooms=$(tests/rooms.sh) || [ -z "$drawn" ]; then
		echo 'directories use each other, or none is drawn'
		return
	fi
	printf '%s\n' "$drawn" "$(echo "$rooms" | sort)" | sort | uniq -u
}

# Below the root, or below daemon/ or kmod/; a bare name is some file's. have.h and pan.c are built.
missing_names() {
	every=$(sources)
	grep -oE '[A-Za-z0-9_./-]+\.(c|h|py|sh|mk|scd|config)\b' CONTRIBUTING.md | grep -vE "NAME|NOUN|^(util.c|have.h|pan.c)$" | sort -u |
	while read -r name; do
		echo "$every" | grep -qE "(^|/)$(echo "$name" | sed 's/[.]/[.]/g')\$" || echo "$name"
	done
}

# One header of each room says what comes in, what goes out, and what must never be.
rooms_without_door() {
	for room in $(sources 'daemon/*/*.h' ':!daemon/hooks' | xargs -n 1 dirname | sort -u); do
		doors=$(grep -lE "^ \* ${room#daemon/}/: " "$room"/*.h)
		[ "$(echo "$doors" | wc -w)" = 1 ] || { echo "$room: doors: $doors"; continue; }
		for word in In Out Never; do
			sed '/^#ifndef/q' "$doors" | grep -qE "^ \* ${word}[:,]" || echo "$doors: no $word:"
		done
	done
}

# What other rooms may include of those that have an inside.
open_headers='ctl/check/finding.h ctl/openssl/ssl(change|conf|device|service|system).h guard/guardian.h
	repair/(drill|repair|shutdown|startup|target).h run/run.h witness/(sighting|watcher|witness).h'

past_a_door() {
	open=$(echo "$open_headers" | xargs | tr ' ' '|')
	sources 'daemon/*.[ch]' | xargs grep -HE '^#include "(ctl/check|ctl/openssl|guard|repair|run|witness)/' |
		grep -vE "\"($open)\""
}

# main.c is what each program begins with, and a hook's is named as the hook.
same_names() {
	sources 'daemon/*.c' ':!daemon/hooks' | xargs -n 1 basename | grep -vx main.c | sort | uniq -d
	sources 'daemon/*.h' | xargs -n 1 basename | sort | uniq -d
}

scripts() {
	sources ':!tests/fuzz/seeds' | while read -r f; do
		head -n 1 "$f" | grep -qE '^#!/bin/(sh|bash)' && echo "$f"
	done
}

lint_manuals() {
	sources '*.scd' | while read -r page; do
		# scdoc puts empty paragraphs around its lists.
		mandoc -T lint -W warning "${O:-build}/${page%.scd}" | grep -v 'skipping paragraph macro'
	done
}

# What stands in quotation marks in the last column of the table of words.
forbidden_words() {
	sed -n '/^## Words$/,/^## Tests$/p' CONTRIBUTING.md | cut -d '|' -f 5 | grep -o '"[^"]*"' |
		tr -d '"'
}

# What readers stumble over, in texts, messages and manuals, and what to say instead. Comments are
# not looked at.
stale_phrases() {
	cat <<-'END'
		mend(s|ed|ing)?|fix
		put (that |it )?right|fix
		in earnest|real drill, or for real
		without success|failed
		(ha(s|ve|d)|having) (the|its|their) [^.,;:]{0,40}(generator|RNG) (reseed|reseeded)|reseeds the generator
		seeds? (their [a-z]+ )?anew|reseed
		anew|again
		all the same|anyway
		said to be|declared intent
		(what|that) was said|declared intent
		the administrator said|the administrator declared
		say it again|run this again
		so (write|do|stop|say|have|read) [a-z]+ that|a sentence of its own
		noticed by|detected by
		got ready|prepared
		at any rate|at least
		in vain|for nothing
		(nobody|it|he|who) shall|must, or will
		hypervisor'?s? (maker|author)|hypervisor vendor
	END
}

# Lines "FILE: text": of the texts of the programs, and of the files themselves.
all_texts() {
	python3 tests/remedies/extraction.py . texts
	sources '*.scd' '*.md' 'packaging/systemd' 'packaging/debian/control' ':!CONTRIBUTING.md' | while read -r f; do
		# Paragraphs as one line, since a phrase may go over the end of one.
		awk -v f="$f" 'BEGIN { RS = "" } { gsub(/[[:space:]]+/, " "); print f ": " $0 }' "$f"
	done
}

# Of lines on standard input.
stale_uses() {
	texts=$(cat)
	stale_phrases | while IFS= read -r row; do
		printf '%s\n' "$texts" | grep -oiP "^[^:]*: |.{0,30}\b(${row%|*})\b.{0,30}" | awk -v say="${row##*|}" '
			/^[^ ]*: $/ { file = $0; next } { print file "\"" $0 "\": say: " say }'
	done
}

in_texts() { all_texts | stale_uses; }
finds_stale() { [ "$(echo "a.c: $1" | stale_uses | sed 's/.*: say: //')" = "$2" ]; }

# Also where a line ends between two words, in a comment for example.
forbidden_uses() {
	words=$(forbidden_words | sed 's/ /[\\s*#;]+/g' | paste -sd '|')
	[ -n "$words" ] || echo 'CONTRIBUTING.md has no table of words'
	sources '*.md' '*.scd' daemon kmod libvmgen packaging ':!CONTRIBUTING.md' ':!*.abi' |
		xargs grep -HPzoi "\b($words)\b" | tr '\0' '\n'
}

empty 'every file names its licence' without_spdx
empty 'every file names its copyright' without_copyright
empty 'no file has a catch-all name' catch_all_names
empty 'the module asks for no version of the kernel' version_tests
empty 'no file is far over 400 lines' long_files
empty 'directories use each other as CONTRIBUTING.md draws it' changed_arrows
empty 'CONTRIBUTING.md names files that there are' missing_names
empty 'every room has one door, which says what the room is for' rooms_without_door
empty 'nobody goes past a door' past_a_door
empty 'no name means two things in daemon/' same_names
empty 'no test can be skipped' skipped_tests
empty 'no test passes whatever happens' certain_tests
empty 'every listed fault can be put into its file' stale_faults
empty 'vmgend and vmgenctl print no text of others as it is' raw_prints
# shellcheck disable=SC2046
ok 'shellcheck' shellcheck -x $(scripts)
# shellcheck disable=SC2046
ok 'pyflakes' pyflakes3 $(sources '*.py')
# shellcheck disable=SC2046
ok 'codespell' codespell -L inout $(sources ':!LICENSES' ':!tests/fuzz/seeds')
empty 'no text has a word that the table in CONTRIBUTING.md rules out' forbidden_uses
empty 'no message, manual or text has a phrase that readers stumble over' in_texts
ok 'control: one is found' finds_stale 'they have mended it' fix
ok 'control: one with other words in it' finds_stale 'it has the kernel generator reseeded' 'reseeds the generator'
ok 'control: others are not' finds_stale 'it is fixed, amended and reseeded' ''
empty 'mandoc finds nothing in the manual pages' lint_manuals
tap_done
