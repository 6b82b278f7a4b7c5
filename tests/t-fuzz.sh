#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Each fuzzer of the library takes its seeds and as many inputs that it makes of
# them, always the same ones. make fuzz looks for more.

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

O=${O:-build}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# fuzz NAME RUNS: what is found is shown as base64.
fuzz() {
	mkdir "$scratch/$1"
	ok "$1: $2 inputs" "$O/tests/fuzz/$1" -runs="$2" -seed=1 -artifact_prefix="$scratch/" \
		"$scratch/$1" "tests/fuzz/seeds/$1"
}

fuzz vmclock 200000
fuzz device 20000
tap_done
