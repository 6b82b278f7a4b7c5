#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Each fuzzer takes its seeds and as many inputs that it makes of them, always the
# same ones. make fuzz looks for more.
#
# shellcheck disable=SC2317 # functions are called through ok

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

O=${O:-build}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# fuzz NAME RUNS: what is found is shown as base64.
fuzz() {
	mkdir "$scratch/$1"
	ok "$1: $2 inputs" "$O/fuzz/tests/fuzz/$1" -runs="$2" -seed=1 -timeout=300 \
		-artifact_prefix="$scratch/" "$scratch/$1" "tests/fuzz/seeds/$1"
}

# catches FUZZER-FAULT RUNS WHAT: it has a fault, and says what that is.
catches() {
	mkdir "$scratch/$1"
	if "$O/fuzz/tests/fuzz/$1" -runs="$2" -seed=1 -artifact_prefix="$scratch/" "$scratch/$1" \
		"tests/fuzz/seeds/${1%-*}" >"$scratch/$1.log" 2>&1 || ! grep "$3" "$scratch/$1.log"; then
		cat "$scratch/$1.log"
		return 1
	fi
}

# ACPICA has so many features that what -entropic= does with them takes most of the time.
# try NAME ROUNDS RUNS: what a round finds ends it. That is a failure where the fault is the
# module's, and ACPICA has many of its own.
try() {
	kind=${1%%-*}
	mkdir -p "$scratch/$1" "$scratch/found/$1"
	round=0
	while [ "$round" -lt "$2" ]; do
		round=$((round + 1))
		"$O/fuzz/tests/fuzz/acpi/$1" -runs="$3" -seed="$round" -entropic=0 -timeout=60 -max_len=1000 \
			-dict=tests/fuzz/acpi/names.dict -artifact_prefix="$scratch/found/$1/" \
			"$scratch/$1" "$O/fuzz/seeds/$kind" >>"$scratch/$1.log" 2>&1
	done
	# What never began, or ended by itself, has tried nothing.
	[ "$(grep -c '^#.*INITED\|^artifact_prefix' "$scratch/$1.log")" -ge "$2" ] || { cat "$scratch/$1.log"; return 2; }
	tests/fuzz/acpi/triage.py "$O/fuzz/tests/fuzz/acpi/$1" "$scratch/$1.log" "$scratch/found/$1/"
}

# finds NAME ROUNDS RUNS WHAT: the module has a fault here, and that is seen.
finds() {
	try "$1" "$2" "$3" >"$scratch/$1.verdict"
	status=$?
	cat "$scratch/$1.verdict"
	[ "$status" = 1 ] && grep -q "module: .*$4" "$scratch/$1.verdict"
}

ok 'syzkaller is told of all that the headers have' tests/fuzz/description.py
fuzz vmclock 200000
fuzz device 20000
fuzz smaps 20000
fuzz kmsg 5000
fuzz program 3000
fuzz proc 1500
fuzz record 2000
fuzz fence 1000
fuzz hostword 2000
fuzz host 2000
fuzz trigger 2000
fuzz settings 2000
fuzz unitlist 1500
fuzz openssl 5000
fuzz netlink 2000
fuzz status 200
fuzz output 300
fuzz text 3000
ok 'smaps: a line that does not end is caught' catches smaps-endless 1000 'undefined-behavior .*smaps.c'
ok 'record: a word that is too long is caught' catches record-overlong 1000 'buffer-overflow'
ok 'hostword: a name that is too long is caught' catches hostword-overrun 1000 'hostword\.c:.*name'
ok 'output: text that turns around is caught' catches output-turning 1000 'not so: can_be_shown'
ok 'proc: a descriptor that is left open is caught' catches proc-leaking 1000 'not so: count_descriptors'
ok 'addresses: 2000 inputs' try address 1 2000
ok 'results: 2000 inputs' try result 4 500
ok 'tables: 1200 inputs' try table 8 150
ok 'addresses: a check of them that is missing is found' finds address-unaligned 1 2000 'an address is used\|misaligned'
ok 'results: a check of types that is missing is found' finds result-untyped 4 500 'ADDR'
ok 'results: memory that is used after it was freed is found' finds result-freed 1 500 'use-after-free'
tap_done
