#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# ACPICA evaluates each table of tests/tables/ that a test injects, on the host:
# a table that is wrong by itself would prove nothing in a guest.
#
# shellcheck disable=SC2317 # functions are called through ok

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# What the machine's own tables have, with which some are loaded.
machine() {
	cat >"$scratch/machine.asl" <<-'END'
		DefinitionBlock ("", "SSDT", 2, "VMGEN", "MACHINE", 1) { Name (\MEMA, 0x1000) }
	END
	iasl -p "$scratch/machine" "$scratch/machine.asl"
}

# evaluate TABLE METHOD: prints what it returns.
evaluate() {
	# -f: iasl refuses the IDs that hypervisors use, although ACPICA takes them.
	iasl -f -oa -p "$scratch/$1" "tests/tables/$1.asl" >"$scratch/iasl" 2>&1
	acpiexec -b "evaluate \\_SB.$2" "$scratch/machine.aml" "$scratch/$1.aml" 2>&1 | sed -n '/returned object/,/^$/p'
}

# evaluates TABLE DEVICE: its ADDR gives a package of two integers.
evaluates() {
	result=$(evaluate "$1" "$2.ADDR")
	printf '%s\n' "$result"
	printf '%s\n' "$result" | grep -q '\[Package\] Contains 2 Elements' &&
		[ "$(printf '%s\n' "$result" | grep -c '\[Integer\]')" = 2 ]
}

# names_page TABLE DEVICE: its resources are one range of memory.
names_page() {
	result=$(evaluate "$1" "$2._CRS")
	printf '%s\n' "$result"
	# A descriptor of 46 bytes of the type 8A, then the end.
	printf '%s\n' "$result" | grep -q '\[Buffer\] Length 30' &&
		printf '%s\n' "$result" | grep -q '0000: 8A 2B 00 00'
}

ok 'tables of the machine' machine
for table in tests/tables/*.asl; do
	name=$(basename "$table" .asl)
	# The devices of this one are wrong on purpose.
	[ "$name" = malformed ] && continue
	device=$(sed -nE 's/.*Device \((\\_SB\.)?([A-Z0-9]+)\).*/\2/p' "$table" | head -n 1)
	method=evaluates
	[ "$name" = vmclock ] && method=names_page
	ok "$name" $method "$name" "$device"
done
tap_done
