#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Everything that the README and vmgen-install(7) show in a block of code is run by some test: by
# one that reads that block itself, or by the one that the table names for a line. What programs
# print, in the README's blocks of text, has words that they print.
#
# functions are called through ok and empty, and patterns have signs of the shell
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
readme=README.md
page=packaging/vmgen-install.7.scd

# block|line or *|file that runs it|what in that file does
table() {
	cat <<-'END'
		vmgen 1|make demo|tests/t-demo.sh|make demo
		vmgen 2|make check|.ci/run|make check
		Packages 1|*|tests/vm/t-readme.py|"Packages", t)
		PACKAGES 1|*|tests/vm/harness/ways.py|plain.lines(way, 1)
		Source 1|*|tests/vm/harness/debian.py|### Source
		SOURCE 1|*|tests/vm/harness/ways.py|plain.lines(way, 1)
		RPM 1|make rpm|tests/t-rpm.sh|make -s rpm
		RPM 1|dnf install ./build/rpm/RPMS/*/vmgend-0*.rpm ./build/rpm/RPMS/noarch/vmgen-dkms-*.rpm|tests/t-rpm.sh|those_of_readme
		RPM 1|vmgenctl status|tests/vm/t-debian.py|vmgenctl status
		A fleet that builds once 1|*|tests/vm/t-fleet.py|plain.build(suite, WAY
		A fleet that builds once 2|*|tests/vm/t-fleet.py|plain.lines(WAY, 1)
		A FLEET THAT BUILDS ONCE 1|*|tests/vm/t-fleet.py|plain.lines(WAY, 2)
		WITHOUT PACKAGES 1|*|tests/vm/t-sysvinit.py|"Without packages"
		A READ-ONLY /USR 1|*|tests/vm/t-sysext.py|plain.build(suite, WAY
		A READ-ONLY /USR 2|*|tests/vm/t-sysext.py|plain.lines(WAY, 1)
		A READ-ONLY /USR 3|*|tests/vm/t-sysext.py|plain.lines(WAY, 2)
		First day 1|*|tests/vm/t-debian.py|readme.blocks("README.md", "## First day")
		First day 2|*|tests/vm/t-debian.py|readme.blocks("README.md", "## First day")
	END
}

# Lines "SECTION NUMBER|LINE"; lines that go on are one, and text is no code.
lines() {
	awk '!on && /^##?#? / { section = substr($0, index($0, " ") + 1); n = 0 }
	     /^```text$/ { text = on = 1; next }
	     /^```/ { n += !on; on = !on; text = 0; next }
	     text { next }
	     on && /\\$/ { kept = kept substr($0, 1, length - 1); next }
	     on { print section " " n "|" kept $0; kept = "" }' "$readme" "$page"
}

# Lines "NUMBER|LINE" of the blocks of text.
shown() {
	awk '/^```text$/ { on = 1; n++; next } /^```/ { on = 0 } on { print n "|" $0 }' "$readme"
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
		lines | grep -qF -e "$name|$line" || echo "$name: $line is in neither"
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
	grep -ohE '[`_]make [a-z-]+' "$readme" "$page" | cut -d ' ' -f 2 | sort -u | while read -r target; do
		grep -q "^$target:" Makefile tests/*.mk packaging/*.mk packaging/*/*.mk ||
			echo "make $target"
	done
}

# Rows "SYSTEM|HOW|SEEN|TESTS" of what was tried where.
tried() {
	sed -n '/^# WHERE IT WAS TRIED$/,/^# SEE ALSO/p' "$page" | sed -n 's/^[|:]  //p' | paste -d '|' - - - -
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
		[ "$seen" = 'not tried' ] && [ "$tests" = none ] && continue
		if [ "$tests" = none ] || [ "$seen" = 'not tried' ]; then
			echo "$system, $how: no test"
			continue
		fi
		echo "$tests" | grep -oE '[^_,]*[^_, ]' | while read -r run; do
			grep -qxF "$run" "$scratch/runs" || echo "$system, $how: nobody runs $run"
		done
	done
}

# One with a test that is no more, and one without any.
unproven_is_found() {
	sed '/^# WHERE IT WAS TRIED$/,/^# SEE/s/^:\[ \*test\*$/&\n|  A\n:  a\n:  seen\n:  _vm\/t-gone.py trixie_\n|  B\n:  b\n:  seen\n:  none/' \
		"$page" >"$scratch/page.scd"
	page=$scratch/page.scd
	[ "$(unproven | paste -sd ,)" = 'A, a: nobody runs vm/t-gone.py trixie,B, b: no test' ]
}

# What the manual and the test of copies call their cases, beyond a comma.
cases_of_manual() {
	sed -n '/^# CASES OF A COPY$/,/^# GUARDS/s/^\*\(.*\)\*$/\1/p' daemon/vmgend.8.scd
}
cases_of_test() {
	sed -n '/^CASES = {/,/^}/s/^    "\([^",]*\).*: .*/\1/p' tests/vm/t-copies.py | sort -u
}
same_cases() {
	[ "$(cases_of_manual | wc -l)" -ge 8 ] &&
		[ -z "$(cases_of_manual | sort | comm -23 - "$scratch/cases")" ]
}

# What the README shows as printed by the demo, and by vmgenctl status: in each line what stands
# before two blanks, or before a colon, is what the program has.
not_printed() {
	[ "$(shown | cut -d '|' -f 1 | uniq | wc -l)" = 3 ] || echo 'there are three texts'
	shown | sed -n -e 's/^1|\(.*[^ ]\)   *[^ ].*  .*/\1/p' | sed 's/   *.*//' | sort -u | while read -r label; do
		grep -qF "\"$label\"" tests/vm/harness/demo.py || echo "demo: $label"
	done
	shown | sed -n 's/^2|\([a-z ]*: *\).*/\1/p' | while IFS= read -r label; do
		grep -qF "\"$label" daemon/ctl/status.c || echo "status: $label"
	done
}

too_long() {
	[ "$(wc -l <"$readme")" -le 200 ] || wc -l "$readme"
}

# The fragment of libvmgen(3), as part of a program.
fragment() {
	sed -n '/^struct vmgen \*v = NULL;$/,/^```$/p' libvmgen/libvmgen.3.scd | sed '/^```$/d'
}
compiles() {
	make -s install DESTDIR="$scratch/root" || return 1
	{
		echo '#include <libvmgen.h>'
		printf 'extern void complain(void), reseed_and_forget(void);\nvoid use(void);\nvoid use(void)\n{\n'
		fragment | grep -v '^\.\.\.$'
		echo '}'
	} >"$scratch/use.c"
	[ "$(fragment | wc -l)" = 7 ] && "$1" -x "$2" -Wall -Wextra -Werror -I "$scratch/root/usr/local/include" -c "$scratch/use.c" \
		-o "$scratch/use.o"
}

empty 'each line of code of the README has a test' unknown
empty 'which runs it' not_there
ok 'a line without one would be found' more_is_found
empty 'what it shows as printed is what is printed' not_printed
empty 'it has at most 200 lines' too_long
empty 'each target of make that it names exists' unknown_targets
empty 'what it says was seen somewhere, a test sees there' unproven
ok 'what no test has seen would be found' unproven_is_found
cases_of_test >"$scratch/cases"
ok 'each case of a copy that the manual has is in a test' same_cases
same_example() {
	[ "$(block 'First day 1' | grep -v '^#')" = "$(grep -v '^#' daemon/hooks/example/80-restart-web.example)" ]
}

ok 'the hook that it shows is the example that is shipped' same_example
ok 'gcc compiles the fragment of libvmgen(3)' compiles gcc c
ok 'so does g++' compiles g++ c++
tap_done
