# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
# shellcheck shell=sh
#
# The Test Anything Protocol for tests in shell, to be sourced.

tap_count=0
tap_failed=0

# ok NAME COMMAND...: passes if the command succeeds; shows its output if not.
ok() {
	tap_name=$1
	shift
	tap_count=$((tap_count + 1))
	if tap_output=$("$@" 2>&1); then
		echo "ok $tap_count - $tap_name"
	else
		tap_failed=1
		echo "not ok $tap_count - $tap_name"
		printf '%s\n' "$tap_output" | tail -n 40 | sed 's/^/# /'
	fi
}

# empty NAME COMMAND...: passes if the command prints nothing.
empty() {
	tap_name=$1
	shift
	ok "$tap_name" is_empty "$("$@" 2>&1)"
}

is_empty() {
	printf '%s' "$1"
	[ -z "$1" ]
}

tap_done() {
	echo "1..$tap_count"
	exit $tap_failed
}
