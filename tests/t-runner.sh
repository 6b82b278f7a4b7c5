#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# tests/runner: nothing but tests that have run and passed is a success, and what
# failed is named with its log and the command that repeats it.
#
# functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016,SC2046,SC2086

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
build=${O:-build}
export O="$scratch/b" VMGEN_CACHE="$scratch/cache"
mkdir -p "$O/check/k" "$VMGEN_CACHE"

# file NAME COMMANDS: a file of tests.
file() {
	printf '#!/bin/sh\n%s\n' "$2" >"$O/check/k/$1.t"
	chmod 755 "$O/check/k/$1.t"
}

# So that no test says it, but these.
skip=SKIP later=TODO
file good 'echo ok 1 - fine; echo "# a figure" >&2; echo 1..1'
file other "echo 'ok 1 - it has \\# $skip in its name'; echo 1..1"
file bad 'echo ok 1 - a; echo not ok 2 - b; echo "# its reason"; echo 1..2; exit 1'
file skipped "echo 'ok 1 - a # $skip no such'; echo 1..1"
file todo "echo 'not ok 1 - a # $later'; echo 1..1"
file none "echo '1..0 # $skip no such'"
file zero 'echo 1..0'
file empty :
file status 'echo ok 1 - a; echo 1..1; exit 3'
file killed 'echo ok 1 - a; kill -KILL $$'
file runner_killed 'echo ok 1 - a; kill -KILL $PPID; echo 1..1'
file short 'echo ok 1 - a; echo 1..2'
file left 'echo ok 1 - a; echo 1..1; sleep 1000 >/dev/null & echo $! >"$O/left"'

# suite NAME...: its exit status and what it prints are kept.
suite() {
	set -- $(printf "$O/check/k/%s.t " "$@")
	status=0
	python3 tests/runner/suite.py --log "$O/check.log" --again 'make again' "$@" \
		>"$scratch/out" 2>"$scratch/err" || status=$?
	cat "$scratch/out" "$scratch/err"
}

passes() {
	suite "$@" && [ $status = 0 ] && tail -n 1 "$scratch/out" | grep -qx 'Result: PASS' &&
		tail -n 2 "$scratch/out" | grep -q '^Files='
}

# fails FILE: beside one that passes.
fails() {
	suite good "$1" && [ $status != 0 ] && tail -n 1 "$scratch/out" | grep -qx 'Result: FAIL' &&
		grep -q '^1 of 2 files failed' "$scratch/out" &&
		grep -qx "  make again TESTS=$O/check/k/$1.t" "$scratch/out" &&
		! grep -q 'TESTS=.*/good.t' "$scratch/out" &&
		grep -q "^      $O/check/log/k/$1.log" "$scratch/out"
}

fails_without_files() {
	! python3 tests/runner/suite.py --log "$O/check.log" --again x
}

has_logs() {
	suite good bad
	grep -q 'not ok 2 - b' "$O/check/log/k/bad.log" && grep -q 'its reason' "$O/check/log/k/bad.log" &&
		grep -q 'a figure' "$O/check/log/k/good.log" && grep -q 'a figure' "$scratch/err" &&
		grep -q 'exit status 1 after' "$O/check/log/k/bad.log" && cmp "$scratch/out" "$O/check.log"
}

# What has passed is no reason to believe a run that was cut short.
forgets_old_logs() {
	suite good && mv "$O/check/k/good.t" "$scratch" && suite good
	mv "$scratch/good.t" "$O/check/k"
	[ $status != 0 ] && ! grep -q '^ok' "$O/check/log/k/good.log"
}

waits_for_nobody() {
	timeout 60 python3 tests/runner/suite.py --log "$O/check.log" --again x "$O/check/k/left.t"
	r=$?
	kill "$(cat "$O/left")"
	[ $r = 0 ]
}

# order DURATIONS: in which prove has started two files, one at a time.
order() {
	echo "$1" >"$VMGEN_CACHE/durations.json"
	python3 tests/runner/suite.py --jobs 1 --log "$O/check.log" --again x \
		"$O/check/k/good.t" "$O/check/k/other.t" | grep -o 'k/[a-z]*\.t' | tr '\n' ' '
}

long_first() {
	[ "$(order '{"k/good": 1, "k/other": 500}')" = 'k/other.t k/good.t ' ] &&
		[ "$(order '{"k/good": 1, "k/other": "x"}')" = 'k/good.t k/other.t ' ] &&
		[ "$(order 'no JSON')" = 'k/good.t k/other.t ' ]
}

tells_progress() {
	python3 tests/runner/suite.py --often 0 --jobs 1 --log "$O/check.log" --again x \
		"$O/check/k/good.t" "$O/check/k/other.t" >"$scratch/out" 2>&1
	grep -q '^# 1 of 2 done, [0-9]* min to go' "$scratch/out" &&
		tail -n 1 "$scratch/out" | grep -qx 'Result: PASS'
}

# of_make WORDS: how make would run its files.
of_make() {
	env -u MAKEFLAGS -u MAKELEVEL -u TESTS make -n O="$build" "$@" 2>/dev/null | grep 'suite.py'
}

one_alone() {
	of_make check TESTS="$build/asan/tests/unit/t-hash.t" | tee "$scratch/command"
	grep -qE " $build/asan/tests/unit/t-hash.t\$" "$scratch/command" &&
		[ "$(grep -o '\.t\>' "$scratch/command" | wc -l)" = 1 ] &&
		grep -q -- "--again 'make check" "$scratch/command"
}

# Scenarios that a manual names as its evidence, and make check leaves out.
unproven() {
	of_make check | tr ' ' '\n' | sed -n 's|.*/check/[^/]*/samba-\(.*\)\.t$|tests/samba/t-\1.py|p
		s|.*/check/[^/]*/\(.*\)\.t$|tests/vm/t-\1.py|p' >"$scratch/run"
	git ls-files '*.scd' | xargs grep -ohE 'tests/(vm|samba)/t-[a-z-]+\.py' | sort -u |
		grep -vxFf "$scratch/run"
}

# make check-all is that and more, of which make check has the scenario on another kernel.
adds() {
	of_make check | tr ' ' '\n' | grep '\.\(t\|sh\)$' | sort >"$scratch/check"
	of_make check-all | tr ' ' '\n' | grep '\.\(t\|sh\)$' | sort >"$scratch/all"
	[ -z "$(comm -23 "$scratch/check" "$scratch/all")" ] || return 1
	comm -13 "$scratch/check" "$scratch/all" >"$scratch/added"
	[ "$(wc -l <"$scratch/added")" -gt 5 ] || return 1
	# But for those that have a kernel, a release or a compiler of their own, or many boots.
	sed 's|.*/||' "$scratch/added" | sort -u | grep -vxE '(bare|bullseye|copies|cross|elsewhere|foreign|inventory|mac|metrics|migration|minimal|openssl|programs|readme|renewal|replica|samba-late|sentinel|services|shutdown|soak|source|sysext|sysprep|sysvinit|told|upgrade|upstream)\.t' | while read -r name; do
		grep -q "/$name\$" "$scratch/check" || exit 1
	done
}

# Kernels of the matrix that make check does not boot for what shows most.
without_main() {
	of_make check | tr ' ' '\n' >"$scratch/run"
	for kernel in 5.10 6.1 6.1-cloud 6.12 6.12-rt 7.2 newest newest-rt; do
		for name in restore siblings; do
			grep -q "/check/$kernel/$name\.t\$" "$scratch/run" || echo "$kernel: $name"
		done
	done
}

steady() {
	status=0
	python3 tests/runner/steady.py --repeat 2 --loops 1 --again 'make again' "$@" \
		>"$scratch/out" 2>&1 || status=$?
	cat "$scratch/out"
}

is_steady() {
	steady "$O/check/k/good.t" && [ $status = 0 ] && grep -q '2 of 2 rounds passed' "$scratch/out" &&
		[ "$(tail -n 1 "$scratch/out")" = 'Result: PASS' ]
}

# Every second time.
is_unsteady() {
	file flaky 'mkdir "$O/flag" 2>/dev/null || { rmdir "$O/flag"; echo not ok 1 - b; echo 1..1; exit 1; }
echo ok 1 - b; echo 1..1'
	steady "$O/check/k/flaky.t" && [ $status = 1 ] && grep -q '1 of 2 rounds passed' "$scratch/out" &&
		grep -qx "  make again TESTS=$O/check/k/flaky.t" "$scratch/out" &&
		grep -qx "      round 2: $O/check/steady/k/flaky.2.log" "$scratch/out" &&
		grep -q 'not ok 1 - b' "$O/check/steady/k/flaky.2.log" &&
		[ "$(tail -n 1 "$scratch/out")" = 'Result: FAIL' ]
}

is_unsteady_in_any_way() {
	for name in skipped none empty killed short status; do
		steady "$O/check/k/$name.t"
		[ $status = 1 ] || return
	done
}

ok 'tests that pass are a success, and the summary comes last' passes good other
ok 'a test that fails is a failure, with its log and the command' fails bad
ok 'so is one that is skipped' fails skipped
ok 'so is one that may fail' fails todo
ok 'so is a file that skips all' fails none
ok 'so is one with no tests' fails zero
ok 'so is one that says nothing' fails empty
ok 'so is one that says less than it has planned' fails short
ok 'so is an exit status' fails status
ok 'so is one that is killed in the middle' fails killed
ok 'also with what runs it' fails runner_killed
ok 'so is no file at all' fails_without_files
ok 'each file has a log of its own, and the run has one' has_logs
ok 'a log is of this run' forgets_old_logs
ok 'what a test leaves behind is not waited for' waits_for_nobody
ok 'what takes long comes first, as far as that is known' long_first
ok 'it tells how many are done, and the time to go' tells_progress
ok 'make check TESTS= runs one file alone' one_alone
empty 'make check runs each scenario that a manual names' unproven
ok 'make check-all adds kernels' adds
empty 'make check boots each kernel of the matrix' without_main
ok 'check-steady: a test that passes each time' is_steady
ok 'one that does not, with the round and its log' is_unsteady
ok 'one that has tested nothing' is_unsteady_in_any_way
tap_done
