#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Everything that the README shows in a block of code is run by some test: by one
# that reads that block itself, or by the one that the table names for a line.
#
# functions are called through ok and empty, and patterns have signs of the shell
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
readme=README.md

# block|line or *|file that runs it|what in that file does
table() {
	cat <<-'END'
		vmgen 1|make demo|tests/t-demo.sh|make demo
		vmgen 2|make check|.ci/run|make check
		Packages 1|*|tests/vm/t-readme.py|"Packages", t)
		Packages 2|*|tests/vm/harness/ways.py|plain.lines(way, 1)
		Source 1|*|tests/vm/harness/debian.py|### Source
		Source 2|*|tests/vm/harness/ways.py|plain.lines(way, 1)
		RPM 1|make rpm|tests/t-rpm.sh|make -s rpm
		RPM 1|dnf install ./build/rpm/RPMS/*/vmgend-0*.rpm ./build/rpm/RPMS/noarch/vmgen-dkms-*.rpm|tests/t-rpm.sh|those_of_readme
		RPM 1|vmgenctl status|tests/vm/t-debian.py|vmgenctl status
		A fleet that builds once 1|*|tests/vm/t-fleet.py|plain.build(suite, WAY
		A fleet that builds once 2|*|tests/vm/t-fleet.py|plain.lines(WAY, 1)
		A fleet that builds once 3|*|tests/vm/t-fleet.py|plain.lines(WAY, 2)
		Without packages 1|*|tests/vm/t-sysvinit.py|"### Without packages"
		A read-only /usr 1|*|tests/vm/t-sysext.py|plain.build(suite, WAY
		A read-only /usr 2|*|tests/vm/t-sysext.py|plain.lines(WAY, 1)
		A read-only /usr 3|*|tests/vm/t-sysext.py|plain.lines(WAY, 2)
		Hooks 1|*|tests/vm/t-debian.py|readme.blocks("README.md", "## Hooks")
		Hooks 2|*|tests/vm/t-debian.py|readme.blocks("README.md", "## Hooks")
		Monitoring 1|*|tests/vm/t-debian.py|readme.blocks("README.md", "## Monitoring")
		For programs 1|*|tests/t-readme.sh|block "For programs 1"
		For makers of hypervisors and firmware 1|*|tests/t-acpi-input.sh|For makers of hypervisors
		Programs with OpenSSL 1|*|tests/vm/t-openssl.py|g.run("vmgenctl openssl enable"
	END
}

# Lines "SECTION NUMBER|LINE"; lines that go on are one.
lines() {
	awk '!on && /^##?#? / { section = substr($0, index($0, " ") + 1); n = 0 }
	     /^```/ { on = !on; n += on; next }
	     on && /\\$/ { kept = kept substr($0, 1, length - 1); next }
	     on { print section " " n "|" kept $0; kept = "" }' "$readme"
}

# block NAME: its text
block() {
	lines | sed -n "s/^$1|//p"
}

# Comments and empty lines do nothing.
unknown() {
	lines | grep -vE '\|(#.*|)$' | while IFS='|' read -r name line; do
		table | grep -qFe "$name|$line|" -e "$name|*|" || echo "$name: $line"
	done
}

not_there() {
	table | while IFS='|' read -r name line file what; do
		[ "$line" = '*' ] && line=
		lines | grep -qF -e "$name|$line" || echo "$name: $line is not in the README"
		grep -qF -e "$what" "$file" || echo "$name: $file does not have: $what"
	done
}

# One more line in a block of which each line counts, and one more block.
more_is_found() {
	sed -e 's/^make demo$/&\nmake coffee/' -e 's/^## Licence$/&\n\n```sh\nmake tea\n```/' \
		README.md >"$scratch/README.md"
	readme=$scratch/README.md
	[ "$(unknown | paste -sd ,)" = 'vmgen 1: make coffee,Licence 1: make tea' ]
}

unknown_targets() {
	grep -ohE '`make [a-z-]+' "$readme" | cut -d ' ' -f 2 | sort -u | while read -r target; do
		grep -q "^$target:" Makefile tests/matrix.mk packaging/*.mk packaging/*/*.mk ||
			echo "make $target"
	done
}

# Rows "SYSTEM|HOW|SEEN|TESTS" of what was tried where.
tried() {
	sed -n '/^### Where it was tried$/,/^##/p' "$readme" | sed -n 's/^| *\(.*\) *|$/\1/p' |
		sed -e 1d -e '/^---/d' -e 's/ *| */|/g' -e 's/|$/|/'
}

# What the files of tests are that make check-all runs, as the table has them: a scenario with its
# kernel or release.
runs() {
	make -pnq check-all 2>/dev/null | sed -n 's/^\(check\|more\)_tests := //p' | tr ' ' '\n' |
		sed -n -e 's,.*/check/\([^/]*\)/\(.*\)\.t$,vm/t-\2.py \1,p' -e 's,^tests/,,p' | sort -u
}

# A row of which no test is run, or that says neither that nor "not tried".
unproven() {
	runs >"$scratch/runs"
	[ "$(tried | wc -l)" -ge 5 ] || echo 'the table is not there'
	tried | while IFS='|' read -r system how seen tests; do
		[ "$seen" = 'not tried' ] && [ -z "$tests" ] && continue
		[ -n "$tests" ] && [ "$seen" != 'not tried' ] || echo "$system, $how: no test"
		echo "$tests" | grep -oE '[^`,]*[^`, ]' | while read -r run; do
			grep -qxF "$run" "$scratch/runs" || echo "$system, $how: nobody runs $run"
		done
	done
}

# One with a test that is no more, and one without any.
unproven_is_found() {
	sed '/^### Where it was tried$/,/^##/s/^|---.*/&\n| A | a | seen | `vm\/t-gone.py trixie` |\n| B | b | seen | |/' \
		README.md >"$scratch/README.md"
	readme=$scratch/README.md
	[ "$(unproven | paste -sd ,)" = 'A, a: nobody runs vm/t-gone.py trixie,B, b: no test' ]
}

# What the README, the manual and the test of copies call their cases, beyond a comma.
cases_of_readme() {
	sed -n '/^### Cases of a copy$/,/^##/s/^| *\([^|]*[^| ]\) *|.*/\1/p' README.md | sed -e 1d -e '/^---/d'
}
cases_of_manual() {
	sed -n '/^# CASES OF A COPY$/,/^# GUARDS/s/^\*\(.*\)\*$/\1/p' daemon/vmgend.8.scd
}
cases_of_test() {
	sed -n '/^CASES = {/,/^}/s/^    "\([^",]*\).*: .*/\1/p' tests/vm/t-copies.py | sort -u
}
same_cases() {
	[ "$(cases_of_readme | wc -l)" -ge 8 ] &&
		[ "$(cases_of_readme)" = "$(cases_of_manual)" ] &&
		[ -z "$(cases_of_readme | sort | comm -23 - "$scratch/cases")" ]
}

# The fragment for programs, as part of one.
compiles() {
	make -s install DESTDIR="$scratch/root" || return 1
	{
		block 'For programs 1' | grep '^#include'
		printf 'extern void complain(void), reseed_and_forget(void);\nvoid use(void);\nvoid use(void)\n{\n'
		block 'For programs 1' | grep -v -e '^#include' -e '^\.\.\.$'
		echo '}'
	} >"$scratch/use.c"
	"$1" -x "$2" -Wall -Wextra -Werror -I "$scratch/root/usr/local/include" -c "$scratch/use.c" \
		-o "$scratch/use.o"
}

empty 'each line of code of the README has a test' unknown
empty 'which runs it' not_there
ok 'a line without one would be found' more_is_found
empty 'each target of make that it names exists' unknown_targets
empty 'what it says was seen somewhere, a test sees there' unproven
ok 'what no test has seen would be found' unproven_is_found
cases_of_test >"$scratch/cases"
ok 'README and manual have the same cases of a copy, and each has a test' same_cases
same_example() {
	[ "$(block 'Hooks 1' | grep -v '^#')" = "$(grep -v '^#' daemon/hooks/example/80-restart-web.example)" ]
}

ok 'the hook that it shows is the example that is shipped' same_example
ok 'gcc compiles its program' compiles gcc c
ok 'so does g++' compiles g++ c++
tap_done
