# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
# shellcheck shell=bash
#
# Runs vmgen-acpi-check on tables that a test makes; to be sourced after tap.sh, in the
# directory of the source.

export LC_ALL=C
program=$PWD/daemon/acpi/vmgen-acpi-check
scratch=$(mktemp -d) || exit 1
trap 'kill $(jobs -rp) 2>/dev/null; rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

# ---- running it --------------------------------------------------------------------

# As whom, and with which programs.
as=()
path=$PATH

# start NAME ARGUMENT...: runs it beside others; what comes of it is in NAME.out, NAME.err and
# NAME.status.
start() {
	local name=$1
	shift
	while [ "$(jobs -rp | wc -l)" -ge 16 ]; do
		wait -n
	done
	{
		timeout 60 env PATH="$path" "${as[@]}" "$program" "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" </dev/null
		echo $? >"$scratch/$name.status"
	} &
}

# marked NAME MARK: the points with that mark, in one line
marked() {
	sed -nE "s/^  $2 +([A-Za-z0-9_]+) .*/\1/p" "$scratch/$1.out" | uniq | paste -sd ' '
}

# came NAME STATUS [TEXT...]: that was the exit status, and it said these
came() {
	local name=$1 status=$2 text
	shift 2
	cat "$scratch/$name.out" "$scratch/$name.err"
	echo "status $(cat "$scratch/$name.status"), fails: $(marked "$name" fails)"
	[ "$(cat "$scratch/$name.status")" = "$status" ] || return
	for text; do
		cat "$scratch/$name.out" "$scratch/$name.err" | grep -qF -e "$text" || {
			echo "lacks: $text"
			return 1
		}
	done
	! grep -q Traceback "$scratch/$name.err"
}

# fails NAME POINTS [TEXT...]: these points fail and no other
fails() {
	local name=$1 points=$2
	shift 2
	came "$name" 1 "$@" && [ "$(marked "$name" fails)" = "$points" ]
}

# What depends on where the ID lies.
addresses='R1a R1b R1c R1d R1e R4'

# untold NAME POINTS [TEXT...]: likewise
untold() {
	local name=$1 points=$2
	shift 2
	came "$name" 2 "$@" && [ -z "$(marked "$name" fails)" ] &&
		[ "$(marked "$name" 'cannot tell')" = "$points" ]
}

# ---- tables and maps ---------------------------------------------------------------

# compile NAME: of the source on standard input
compile() {
	cat >"$scratch/$1.asl"
	# -f: iasl refuses the IDs that hypervisors use, although ACPICA takes them.
	iasl -f -oa -p "$scratch/$1" "$scratch/$1.asl" >"$scratch/iasl" 2>&1
	[ -s "$scratch/$1.aml" ] || cat "$scratch/iasl"
}

# A machine that obeys.
good() {
	cat <<-'END'
		DefinitionBlock ("", "DSDT", 2, "VMGEN ", "MACHINE", 1)
		{
		    Device (\_SB.VGEN)
		    {
		        Name (_HID, "TEST0001")
		        Name (_CID, "VM_Gen_Counter")
		        Name (_DDN, "VM_Gen_Counter")
		        Method (_STA) { Return (0x0F) }
		        Name (ADDR, Package (2) { 0x0FFE0028, 0 })
		    }
		    Device (\_SB.ELSE) { Name (_HID, "TEST0002") }
		    Method (\_GPE._E05) { Notify (\_SB.VGEN, 0x80) }
		}
	END
}

# made_of NAME SCRIPT: the good one, changed by sed
made_of() {
	good | sed -E "$2" | compile "$1"
	! good | cmp -s - "$scratch/$1.asl" || echo "$1" >>"$scratch/unchanged"
}

: >"$scratch/unchanged"

# With ID, and what a device has beside it in the page.
cat >"$scratch/iomem" <<'END'
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
000d0000-000fffff : Reserved
  000f0000-000fffff : System ROM
00100000-0ffdefff : System RAM
  01000000-01ffffff : Kernel code
0ffdf000-0ffdffff : ACPI Tables
0ffe0000-0ffe3fff : Reserved
0ffe8000-0ffe8fff : ACPI Non-volatile Storage
0ffe9000-0ffe97ff : Reserved
0ffe9800-0ffe9fff : 0000:00:02.0
110000000-1100fffff : Reserved
END
map=--iomem=$scratch/iomem

# The one that obeys is there always.
good | compile good
