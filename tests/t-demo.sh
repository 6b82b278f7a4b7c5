#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# make demo shows two clones that draw the same numbers without vmgen, and others
# with it. With CLONES= it shows clones that report to their host; make check has that in
# tests/vm/t-orchestrator.py.
#
# functions are called through ok:
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

output=$(make demo 2>&1)
status=$?

shows() {
	printf '%s\n' "$output"
	printf '%s\n' "$output" | grep -qE "$1"
}

ok 'make demo' test $status = 0
ok 'without vmgen both clones draw the same' shows '^ +[1-9][0-9]* of 100 random numbers are the same'
ok 'with vmgen they have nothing in common' shows '^ +0 of 100 random numbers are the same'
ok 'a hook ran in both' shows '^hook +ran [0-9]+ ms after the resume +ran [0-9]+ ms'
ok 'it says what to do next' shows 'On a real guest, as root'
output=$(make demo CLONES=many 2>&1)
status=$?
ok 'it takes a number of clones' shows '^CLONES=many: it is a number from 1 to 16$'
ok 'and fails for what is none' test $status != 0
if [ -n "${VMGEN_ALL:-}" ]; then
	output=$(make demo CLONES=4 2>&1)
	status=$?
	ok 'make demo CLONES=4' test $status = 0
	for n in 1 2 3 4; do
		ok "clone $n reports as it was told" \
			shows "^$n +web-$n, a clone +repaired +web-$n +[0-9]+\.[0-9] s$"
	done
fi
tap_done
