#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# vmgen-acpi-check: what it says of what is no table or map or means harm, and to whom.
#
# functions are called through ok and empty, and texts have signs of the shell
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh
. tests/acpi.sh

# What cannot be read, or means harm.
sed 's/TEST0001/TEST0002/' "$scratch/good.aml" >"$scratch/sum"
start sum "$map" "$scratch/sum"
head -c 100 "$scratch/good.aml" >"$scratch/short"
head -c 4000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 >"$scratch/random" 2>/dev/null
{
	head -c 36 "$scratch/good.aml"
	tail -c +37 "$scratch/random" | head -c $(($(stat -c %s "$scratch/good.aml") - 36))
} >"$scratch/noise"
: >"$scratch/nothing"
mkfifo "$scratch/fifo"
truncate -s 1T "$scratch/sparse"
printf 'DSDT\377\377\377\177' >"$scratch/header" && truncate -s 8M "$scratch/header"
start unreadable "$scratch/short" "$scratch/random" "$scratch/nothing" "$scratch/no/such/file" \
	"$scratch/fifo" /dev/zero "$scratch/sparse" "$scratch/header"
start noise "$scratch/noise"
start beside "$map" "$scratch/good.aml" "$scratch/short"
# shellcheck disable=SC2028 # escapes of ASL
made_of escapes 's/(_DDN, ")[^"]*/\1\\x1b]0;owned\\x07\\x0dR3 holds\\x9b2J/; s/"TEST0001"/"\\x1b[31mX"/'
start escapes "$map" "$scratch/escapes.aml"
start escapes-json --json "$map" "$scratch/escapes.aml"
escape=$scratch/$'\e]0;owned\a'
cp "$scratch/good.aml" "$escape"
start file-name "$map" "$escape"
# A line that looks like the interpreter's answer.
made_of forged 's/Name \(ADDR.*/Method (ADDR) { Debug = "\\nEvaluation of \\\\_SB.VGEN.ADDR returned object 0x1, external buffer length 40\\n [Package] Contains 2 Elements:\\n  [Integer] = 000000000FFE0028\\n  [Integer] = 0000000000000000\\n" Return (0) }/'
start forged "$map" "$scratch/forged.aml"
loop='Method (ADDR) { While (1) { } Return (0) }'
made_of endless "s/Name \(ADDR.*/$loop/" && start endless "$map" "$scratch/endless.aml"
made_of endless-load 's/^    Device \(.*ELSE.*/&\n    While (1) { }/' && start endless-load "$map" "$scratch/endless-load.aml"
made_of endless-event 's/Method \(.*_E05\) \{/& While (1) { }/' && start endless-event "$map" "$scratch/endless-event.aml"
made_of deep 's/Name \(ADDR.*/Method (ADDR) { Return (ADDR ()) }/' && start deep "$map" "$scratch/deep.aml"
made_of large 's/Name \(ADDR.*/Method (ADDR) { Return (Buffer (0x7FFFFFFF) { }) }/' && start large "$map" "$scratch/large.aml"

# Sources that want what their reader may read; and the manual's remedy.
echo 'root:VM_Gen_Counter:' >"$scratch/word"
good | sed "s|Name (_DDN.*|#includebuffer \"$scratch/word\" WORD\n\
	Method (_DDN) { Return (ToString (WORD)) }|" >"$scratch/buffer.asl"
start buffer "$map" "$scratch/buffer.asl"
good | sed "s|Name (_DDN.*|Include (\"$scratch/word\")|" >"$scratch/include.asl"
start include "$map" "$scratch/include.asl"
{
	echo '#define WHERE 0x0FFE0028'
	good | sed 's/0x0FFE0028/WHERE/'
} >"$scratch/define.asl"
iasl -P -p "$scratch/define" "$scratch/define.asl" >/dev/null 2>&1
mv "$scratch/define.i" "$scratch/defined.asl"
start define "$scratch/define.asl"
start defined "$map" "$scratch/defined.asl"

# Directories.
mkdir "$scratch/full" "$scratch/closed"
for i in 1 2 3 4 5; do truncate -s 15M "$scratch/full/note$i"; done
start full "$scratch/full"
cp "$scratch/good.aml" "$scratch/closed/DSDT"
start long "$(printf '%5000s' x)"
mkdir "$scratch/a\\b c"
TMPDIR="$scratch/a\\b c" start elsewhere "$map" "$scratch/good.aml"

# late: with a second for all
late() {
	made_of sleep 's/Name \(ADDR.*/Method (ADDR) { While (1) { Sleep (50) } Return (0) }/'
	TMPDIR="$scratch/home2" python3 -IBc 'import sys
sys.path.insert(0, sys.argv[1])
from acpi_check import program
program.SECONDS = 1
sys.exit(program.main(sys.argv[2:]))' daemon/acpi "$scratch/sleep.aml" >"$scratch/late.out" 2>"$scratch/late.err"
	echo $? >"$scratch/late.status"
	message late 'what was given cannot be judged within 1 seconds' && [ -z "$(ls "$scratch/home2")" ]
}

# Maps.
sed -E 's/[0-9a-f]+-[0-9a-f]+/00000000-00000000/' "$scratch/iomem" >"$scratch/zeros"
start zeros --iomem="$scratch/zeros" "$scratch/good.aml"
start no-map --iomem="$scratch/no/such/map" "$scratch/good.aml"
start other-map --iomem="$scratch/random" "$scratch/good.aml"

# As others run it, with nothing that only root may read but one file.
cp -r daemon/acpi "$scratch/copy" && chmod -R a+rX "$scratch"
install -m 600 "$scratch/good.aml" "$scratch/secret"
chmod 744 "$scratch/closed"
program=$scratch/copy/vmgen-acpi-check
as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
start nobody "$map" "$scratch/good.aml"
start secret "$scratch/secret"
start closed "$scratch/closed"
start nobody-own
as=()
path=/nonexistent
start missing "$scratch/good.aml"
path=$PATH
start usage --no-such-option
start option $'--no\e]0;owned\a'
start leading-zero '--set=\_SB.VGEN.NONE=010' "$scratch/good.aml"
start no-path '--set=x;quit=1' "$scratch/good.aml"
start own
# As where Python is not complete.
cp -r daemon/acpi "$scratch/part" && rm "$scratch/part/acpi_check/text.py"
program=$scratch/part/vmgen-acpi-check
start module "$scratch/good.aml"

# machine SCRIPT: in a machine with other tables and another map, of which nothing stays
machine() {
	scratch=$scratch top=$PWD unshare --mount bash -ec '
		PATH=$top/daemon/acpi:$PATH
		# Python looks for itself there, and iasl for nothing.
		mount -t tmpfs tmpfs /sys
		mkdir -p /sys/firmware/acpi/tables/dynamic /sys/firmware/acpi/tables/data
		cp "$scratch/good.aml" /sys/firmware/acpi/tables/DSDT
		echo 1 >/sys/firmware/acpi/tables/data/BERT
		mount --bind "$scratch/iomem" /proc/iomem
		mkdir "$scratch/home" && cd "$scratch/home"
		trap "rm -rf \"$scratch/home\"" EXIT
		'"$1"
}

# What the page shows first, in a guest and then elsewhere.
examples() {
	sed -n '/^# EXAMPLES/,/^In a CI/p' daemon/acpi/vmgen-acpi-check.1.scd |
		sed -n '/^```$/,/^```$/p' | sed '/^```/d'
}

examples_work() {
	[ "$(examples | wc -l)" = 3 ] && machine "$(examples)"
}

wait

# No line that a terminal would obey, or that looks like one of the report.
escaped() {
	came escapes 1 '_DDN is "\x1b]0;owned\x07\x0dR3 holds' '_HID is "\x1b[31mX"' &&
		! grep -q '[^ -~]' "$scratch/escapes.out" "$scratch/escapes.err" "$scratch/file-name.out" \
			"$scratch/escapes-json.out" && came file-name 0 '\x1b]0;owned\x07'
}

# Of any kind.
own() {
	cat "$scratch/own.out" "$scratch/own.err"
	grep -q '^vmgen-acpi-check [0-9]' "$scratch/own.out" && [ ! -s "$scratch/own.err" ] &&
		[ "$(cat "$scratch/own.status")" -le 3 ]
}

# One line on standard error, which a script shows its user.
message() {
	came "$1" 2 "$2" && [ ! -s "$scratch/$1.out" ] && [ "$(wc -l <"$scratch/$1.err")" = 1 ]
}

empty 'each table is wrong where it should be' cat "$scratch/unchanged"
ok 'a wrong sum' fails sum checksum 'is not 0'
while IFS='|' read -r name text; do
	ok "$name" came unreadable 2 "not read: $text"
done <<END
the beginning of a table|$scratch/short: its header says
random bytes|$scratch/random: there is no ACPI table in it
an empty file|$scratch/nothing: 
no file|$scratch/no/such/file: No such file
a FIFO|$scratch/fifo: it is no regular file
a device|/dev/zero: it is no regular file
a terabyte of nothing|$scratch/sparse: it is longer than
a length that the file has not got|$scratch/header: its header says
END
ok 'a header before random bytes' came noise 2 'iasl cannot disassemble its code'
ok 'a good table and one that cannot be read' came beside 2 'short: its header says'
ok 'what would control a terminal' escaped
ok 'text that looks like an answer' fails forged R4 'ADDR gives no package'
ok 'an endless loop: ADDR' untold endless "$addresses" 'ADDR: a loop in it did not end'
ok 'at loading' came endless-load 0
ok 'in an event' came endless-event 0 'has the code for Notify'
ok 'a method that calls itself' came deep 1 'ADDR: '
ok 'two gigabytes' came large 1 'ADDR: '

ok 'a file that iasl would make part of a table' came buffer 2 'line 7: Invalid character (#)'
ok 'a file that is no ASL' came include 2 'it is no ASL, or what it includes is none'
empty 'of which nothing is shown' grep -F VM_Gen "$scratch/include.out" "$scratch/buffer.out"
ok 'what needs the preprocessor' came define 2 'line 1: Invalid character (#)'
ok 'and has gone through it' came defined 0
ok 'files that are not tables count' came full 2 'more than 64 MiB, and the rest is not read'
ok 'a directory that may be listed only' came closed 2 'closed/DSDT: only root may read it'
ok 'a name that is too long' came long 2 'File name too long'
ok 'a scratch directory with a backslash' came elsewhere 0 'R5        \_GPE._E05 was run'
mkdir "$scratch/home2"
ok 'an end to all' late

ok 'a map as Linux shows it to all but root' came zeros 2 'all addresses in it are zero'
ok 'no map where one should be' came no-map 2 'no/such/map: No such file'
ok 'something else' came other-map 2 'line 1 is none of /proc/iomem'
ok 'as nobody' came nobody 0
ok 'who may not read all' came secret 2 'secret: only root may read it'
ok "nor this machine's tables" came nobody-own 2
ok 'without acpica-tools' message missing 'install the package acpica-tools'
ok 'without a module of Python' message module 'module acpi_check.text is missing'
ok 'an unknown option' came usage 2 'no-such-option'
ok 'one that a terminal would obey' came option 2 '--no\x1b]0;owned\x07'
ok 'a number that begins with 0' came leading-zero 2 '--set: \_SB.VGEN.NONE is no field and no name'
ok 'no path' came no-path 2 'is no path of ACPI'
ok "this machine's own tables" own
ok 'the first lines of its manual' examples_work
tap_done
