#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# vmgen-acpi-check: what it says of each shape of the device in tests/tables/, of a table with
# one fault for each requirement, and of what is no table or means harm.
#
# functions are called through ok and empty, and texts have signs of the shell
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

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

# event DEVICE: a DSDT whose GPE notifies a device that another table has
event() {
	cat <<-END
		DefinitionBlock ("", "DSDT", 2, "VMGEN ", "EVENT", 1)
		{
		    Name (\\MEMA, 0x0FFE0000)
		    External ($1, DeviceObj)
		    Method (\\_GPE._E05) { Notify ($1, 0x80) }
		}
	END
}

# shape NAME OPTION...: of tests/tables/
shape() {
	local table=$1 device
	shift
	device=$(sed -nE 's/.*Device \((\\_SB\.)?([A-Z0-9]+)\).*/\2/p' "tests/tables/$table.asl" | head -n 1)
	compile "$table" <"tests/tables/$table.asl"
	event "\\_SB.$device" | compile "event-$table"
	start "$table" "$map" "$@" "$scratch/event-$table.aml" "$scratch/$table.aml"
}

# ---- what is tried -----------------------------------------------------------------

# Shapes.
for name in bhyve cloud-hypervisor firecracker firecracker-old malformed odd qemu reduced several \
	vmclock xen; do
	shape $name
done
for name in hyperv-2020 hyperv-22621 hyperv-2024; do
	shape $name '--set=\GCAL=0x0FFE0010' '--set=\GCAH=0'
done
start hyperv-unset "$map" "$scratch/event-hyperv-2024.aml" "$scratch/hyperv-2024.aml"
shape vmware '--set=\GENL=0x0FFE0011' '--set=\GENH=0'
start vmware-unset "$map" "$scratch/event-vmware.aml" "$scratch/vmware.aml"
shape arm

# name|points|sed's script|a part of the sentence
faults() {
	cat <<-'END'
		unaligned|R1a|s/0028/002C/|0xffe002c is not a multiple of 8
		zero|R1b|s/0x0FFE0028/0/|the address is zero
		beyond|R1b|s/0x0FFE0028, 0/0xFFFFFFF8, 0xFFFFFFFF/|does not end within 64 bits
		ram|R1c R1d|s/0x0FFE0028/0x200000/|System RAM (0x100000-0xffdefff), which the operating system uses
		kernel|R1c R1d|s/0x0FFE0028/0x1000000/|which is AddressRangeMemory
		reclaim|R1d|s/0x0FFE0028/0x0FFDF010/|ACPI Tables (0xffdf000-0xffdffff), which is AddressRangeACPI
		neighbour|R1e|s/0x0FFE0028/0x0FFE9000/|0000:00:02.0 (0xffe9800-0xffe9fff) too
		no-cid|R2|/_CID/d|there is no _CID
		other-cid|R2|/_CID/s/VM_Gen_Counter/VMGENCTR/|_CID has "VMGENCTR" instead of
		small-cid|R2|/_CID/s/VM_Gen_Counter/vm_gen_counter/|capital letters
		no-ddn|R3|/_DDN/d|there is no _DDN
		number-ddn|R3|/_DDN/s/"VM_Gen_Counter"/1/|_DDN is no text
		no-addr|R4|/ADDR/d|there is no ADDR
		one|R4|s/Package.*}/Package (1) { 0x0FFE0028 }/|a package of 1 elements instead of 2
		three|R4|s/Package.*}/Package (3) { 0x0FFE0028, 0, 0 }/|a package of 3 elements
		text|R4|s/Package.*}/"0x0FFE0028"/|ADDR gives no package
		nested|R4|s/0x0FFE0028/Package () { 0x0FFE0028 }/|a low half that is no integer
		empty|R4|s/0x0FFE0028, 0/0x0FFE0028/|leaves the high half empty
		wide|R4|s/0x0FFE0028, 0/0x10FFE0028, 0/|a low half of more than 32 bits
		division|R4|s/Name \(ADDR.*/Method (ADDR) { Return (Package (2) { 1 \/ Zero, 0 }) }/|AE_AML_DIVIDE_BY_ZERO
		moves|R4|s/Name \(ADDR.*/Name (NEXT, 0x0FFE0020) Method (ADDR) { NEXT += 8 Return (Package (2) { NEXT, 0 }) }/|something else the second time
		silent|R5|/_E05/d|no event notifies of a change
		other-value|R5|s/0x80/0x81/|notifies of 0x81 instead of 0x80
		other-device|R5|s/Notify \(\\_SB.VGEN/Notify (\\_SB.ELSE/|no event notifies of a change
		uncalled|R5|s/_GPE._E05/_GPE.FIRE/|only \_GPE.FIRE would
		no-hid|R6|/TEST0001/d|there is no _HID
		common-hid|R6|s/TEST0001/VMGENCTR/|which is every hypervisor's
		no-id|R6|s/"TEST0001"/Buffer () { 1 }/|_HID is no ID
		not-working|_STA|s/0x0F\)/0x07)/|present, but not functioning
		no-status|_STA|s/Return \(0x0F\)/Return ("0x0F")/|_STA gives no integer
	END
}

# All in one table: a device and an event of its own for each.
number=0
{
	echo 'DefinitionBlock ("", "DSDT", 2, "VMGEN ", "FAULTS", 1) { Device (\_SB.ELSE) { Name (_HID, "TEST0002") }'
	while IFS='|' read -r name _ script _; do
		good | sed -n '/Device.*VGEN/,/^    }/p; /_E05/p' >"$scratch/own"
		sed -E "$script" "$scratch/own" >"$scratch/changed"
		! cmp -s "$scratch/own" "$scratch/changed" || echo "$name" >>"$scratch/unchanged"
		sed "s/VGEN/$(printf 'V%03d' $number)/; s/_E05/_E$(printf %02X $number)/" "$scratch/changed"
		number=$((number + 1))
	done < <(faults)
	echo '}'
} | compile faults
start faults "$map" "$scratch/faults.aml"

good | compile good
start good "$map" "$scratch/good.aml"
start mapless "$scratch/good.aml"
made_of hole 's/0x0FFE0028/0x0FFE5000/; s/Notify (.*) }/Notify \1 Notify (\\_SB.ELSE, 0x80) }/'
start hole "$map" "$scratch/hole.aml"
made_of nvs 's/0x0FFE0028/0x0FFE8010/' && start nvs "$map" "$scratch/nvs.aml"
made_of absent 's/0x0F\)/0)/' && start absent "$map" "$scratch/absent.aml"
made_of table '/Device.*VGEN/,/^    }/d; /_E05/d' && start table "$map" "$scratch/table.aml"
made_of part 's/DSDT/SSDT/; /_E05/d' && start part "$map" "$scratch/part.aml"
compile reached <<-'END'
	DefinitionBlock ("", "DSDT", 2, "VMGEN ", "MACHINE", 1)
	{
	    Device (\_SB.GED)
	    {
	        Name (_HID, "ACPI0013")
	        Name (_CRS, ResourceTemplate () { Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 35, 36 } })
	        Method (_EVT, 1) { If (Arg0 == 36) { DO () } }
	        Method (DO) { Notify (\_SB.VGEN, 0x80) }
	    }
	    Device (\_SB.VGEN)
	    {
	        Name (_HID, "TEST0001")
	        Name (_CID, Package () { "TEST0003", "VM_Gen_Counter" })
	        Name (_DDN, "VM_Gen_Counter")
	        Name (ADDR, Package (2) { 0x0FFE0028, 0 })
	    }
	}
END
start reached "$map" "$scratch/reached.aml"

# node NAME PROPERTIES: a device tree with such a device; interrupts of its machine have 3 cells
node() {
	dtc -q -O dtb -o "$scratch/$1.dtb" - <<-END
		/dts-v1/;
		/ {
			#address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
			gic: interrupt-controller { #interrupt-cells = <3>; interrupt-controller; };
			rng@ffe0000 { $2 };
		};
	END
}
compatible='compatible = "microsoft,vmgenid";'
place='reg = <0 0x0ffe0000 0 0x1000>;'
interrupt='interrupts = <0 35 1>;'
node good "$compatible $place $interrupt" && start tree "$map" "$scratch/good.dtb"
node none "$place $interrupt" && start tree-none "$scratch/none.dtb"
node deaf "$compatible $place" && start tree-deaf "$map" "$scratch/deaf.dtb"
node small "$compatible reg = <0 0x0ffe0000 0 8>; $interrupt" && start tree-small "$map" "$scratch/small.dtb"
node odd "$compatible reg = <0 0x0ffe0004 0 16>; $interrupt" && start tree-odd "$map" "$scratch/odd.dtb"
head -c 100 "$scratch/good.dtb" >"$scratch/short.dtb"
start tree-short "$scratch/short.dtb"

# In each form in which tables come.
compile other <<'END'
	DefinitionBlock ("", "SSDT", 2, "VMGEN ", "OTHER", 1) { Name (\OTHR, 1) }
END
mkdir "$scratch/directory" "$scratch/twice"
cp "$scratch/good.aml" "$scratch/directory/DSDT"
cp "$scratch/other.aml" "$scratch/directory/SSDT1"
echo text >"$scratch/directory/notes"
cp "$scratch/good.aml" "$scratch/twice/DSDT"
cp "$scratch/vmclock.aml" "$scratch/twice/SSDT"
start twice "$map" "$scratch/twice"
start directory "$map" "$scratch/directory"
cat "$scratch/event-qemu.aml" "$scratch/qemu.aml" >"$scratch/both"
start both "$map" "$scratch/both"
{
	printf 'DSDT @ 0x0000000000000000\n'
	od -An -v -tx1 -w16 "$scratch/good.aml" | awk '{ printf "    %04X: %s  text\n", n, toupper(substr($0, 2)); n += 16 }'
} >"$scratch/dump"
start dump "$map" "$scratch/dump"

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
start beside-json --json "$map" "$scratch/good.aml" "$scratch/short"
start malformed-json --json "$map" "$scratch/event-malformed.aml" "$scratch/malformed.aml"
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

# Maps.
sed -E 's/[0-9a-f]+-[0-9a-f]+/00000000-00000000/' "$scratch/iomem" >"$scratch/zeros"
start zeros --iomem="$scratch/zeros" "$scratch/good.aml"
start no-map --iomem="$scratch/no/such/map" "$scratch/good.aml"
start other-map --iomem="$scratch/random" "$scratch/good.aml"

# As others run it, with nothing that only root may read but one file.
cp -r daemon/acpi "$scratch/copy" && chmod -R a+rX "$scratch"
install -m 600 "$scratch/good.aml" "$scratch/secret"
program=$scratch/copy/vmgen-acpi-check
as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
start nobody "$map" "$scratch/good.aml"
start secret "$scratch/secret"
start nobody-own
as=()
path=/nonexistent
start missing "$scratch/good.aml"
path=$PATH
start usage --no-such-option
start no-path '--set=x;quit=1' "$scratch/good.aml"
start own

# machine SCRIPT: in a machine with other tables and another map, of which nothing stays
machine() {
	scratch=$scratch top=$PWD unshare --mount bash -ec '
		PATH=$top/daemon/acpi:$PATH
		# Python looks for itself there, and iasl for nothing.
		mount -t tmpfs tmpfs /sys
		mkdir -p /sys/firmware/acpi/tables/dynamic /sys/firmware/acpi/tables/data
		cp "$scratch/good.aml" /sys/firmware/acpi/tables/DSDT
		cp "$scratch/part.aml" /sys/firmware/acpi/tables/data/BERT
		mount --bind "$scratch/iomem" /proc/iomem
		mkdir "$scratch/home" && cd "$scratch/home"
		trap "rm -rf \"$scratch/home\"" EXIT
		'"$1"
}

readme() {
	sed -n '/^## For makers of hypervisors/,/^## Manuals/p' README.md | sed -n '/^```sh$/,/^```$/p' |
		sed '/^```/d'
}

readme_works() {
	[ "$(readme | wc -l)" = 3 ] && machine "$(readme)"
}

wait

# ---- what came of it ---------------------------------------------------------------

# Of each device that is there: what is wrong but its names and events.
malformed() {
	came malformed 1 && awk '
		/^\\/ { device = substr($1, 6) }
		/^  fails +(R1|R4|_STA)/ && !(device in seen) { print device, $2; seen[device] = 1 }
		/^  note.*the device is not present/ { print device, "absent" }' "$scratch/malformed.out" |
		paste -sd , | tee /dev/stderr | grep -qx "$1"
}

# No line that a terminal would obey, or that looks like one of the report.
escaped() {
	came escapes 1 '_DDN is "\x1b]0;owned\x07\x0dR3 holds' '_HID is "\x1b[31mX"' &&
		! grep -q '[^ -~]' "$scratch/escapes.out" "$scratch/escapes.err" "$scratch/file-name.out" \
			"$scratch/escapes-json.out" && came file-name 0 '\x1b]0;owned\x07'
}

# Whatever they are.
own() {
	cat "$scratch/own.out" "$scratch/own.err"
	grep -q '^vmgen-acpi-check [0-9]' "$scratch/own.out" && [ ! -s "$scratch/own.err" ] &&
		[ "$(cat "$scratch/own.status")" -le 3 ]
}

# Its members are those that the manual has, and it says what the text says.
json() {
	python3 - daemon/acpi/vmgen-acpi-check.1.scd "$scratch" "$@" <<-'END'
		import json, re, sys

		page, scratch, *names = sys.argv[1:]
		section = open(page, encoding="utf-8").read().partition("\n# JSON\n")[2].partition("\n# ")[0]
		whole, device = section.partition("\n## A device\n")[::2]
		def bold(pattern, text):
		    return {name.replace("\\", "") for name in re.findall(pattern, text)}
		def inner(name):
		    text = device.partition(f"\n*{name}*\n")[2].partition("\n\n")[0]
		    return bold(r"\*([a-z_]+)\*", text)
		documented = {"": bold(r"(?m)^\*([a-z_\\]+)\*$", whole),
		              "device": bold(r"(?m)^\*([a-z_\\]+)\*$", device),
		              "requirements": inner("requirements"), "guests": inner("guests")}
		seen = {name: set() for name in documented}
		for name in names:
		    found = json.load(open(f"{scratch}/{name}-json.out", encoding="ascii"))
		    status = int(open(f"{scratch}/{name}-json.status", encoding="ascii").read())
		    assert found["version"] == 1 and found["status"] == status, (name, status)
		    lines = open(f"{scratch}/{name}.out", encoding="ascii").read().splitlines()
		    said = [line for line in lines if re.match(r"  +(holds|fails|cannot tell|note) ", line)]
		    seen[""] |= set(found)
		    told = []
		    for d in found["devices"]:
		        seen["device"] |= set(d)
		        for kind in ("requirements", "guests"):
		            for verdict in d[kind]:
		                seen[kind] |= set(verdict)
		                assert verdict["source"], verdict
		                told.append((verdict["mark"], verdict.get("requirement", verdict.get("guest")),
		                             verdict["text"]))
		    assert len(said) == len(told) > 10, (name, len(said), len(told))
		    for line, (mark, of, text) in zip(said, told):
		        assert re.fullmatch(rf" +{mark} +{re.escape(of)}:? +{re.escape(text)}", line), (line, mark, of, text)
		    assert lines[-1] == found["conclusion"], found["conclusion"]
		print(documented)
		print(seen)
		sys.exit(documented != seen)
	END
}

# One line on standard error, which a script shows its user.
message() {
	came "$1" 2 "$2" && [ ! -s "$scratch/$1.out" ] && [ "$(wc -l <"$scratch/$1.err")" = 1 ]
}

ok 'a machine that obeys' came good 0 'obeys the specification' '\_GPE._E05 was run and does Notify'
empty 'each table is wrong where it should be' cat "$scratch/unchanged"
number=0
while IFS='|' read -r name points _ text; do
	# What is said of that device.
	awk -v device="$(printf '\\\\_SB.V%03d' $number)" '/^\\/ { on = $1 == device } on' \
		"$scratch/faults.out" >"$scratch/$name.out"
	: >"$scratch/$name.err"
	cp "$scratch/faults.status" "$scratch/$name.status"
	ok "$points: $name" fails "$name" "$points" "$text"
	number=$((number + 1))
done < <(faults)

ok 'bhyve' fails bhyve R5 'never raises it'
for name in firecracker-old hyperv-2020 hyperv-22621 hyperv-2024 qemu vmware xen; do
	ok "the shape of $name" came $name 0
done
addresses='R1a R1b R1c R1d R1e R4'
ok 'hyperv without what its fields hold' untold hyperv-unset "$addresses" 'GCAL, a field of SystemMemory' '--set'
ok 'vmware likewise' untold vmware-unset "$addresses _STA" 'GENL, a field of SystemMemory'
ok 'arm likewise' untold arm "$addresses"
ok 'firecracker' fails firecracker R6 'VMGENCTR'
ok 'cloud-hypervisor' fails cloud-hypervisor R6 'above 4 GiB'
ok 'odd' fails odd 'R2 R3 R6 R2 R3 R5 R6' 'crosses a page' '"vm_gen_counter"' 'there is no _HID' 'VGE1 is there too'
ok 'several' came several 1 'only \_SB.VGEN.FIRE would' 'VGEN, \_SB.VGE2, \_SB.VGE3, \_SB.VGE4 are there too'
ok 'reduced' came reduced 1 'more than 32 bits, 0x10ffe0028'
ok 'a VMClock is no generation ID device' came vmclock 3 'no generation ID device'
ok 'each of malformed' malformed 'VG00 R4,VG01 R4,VG02 R4,VG03 R4,VG04 R4,VG05 R4,VG06 R4,VG07 R4,VG08 R4,VG09 R1b,VG10 R1a,VG11 R1c,VG12 R1b,VG13 R4,VG14 _STA,VGA0 absent,VGA1 absent,VGA2.VGA3 absent'

ok 'a device of events, by a method of its own' came reached 0 '\_SB.GED._EVT was run and does Notify'
ok 'an event that leads elsewhere too' came hole 0 '\_GPE._E05 leads to \_SB.ELSE too'
ok 'without a map' came mapless 0 'without --iomem: R1b, R1c, R1d, R1e not judged'
ok 'memory that the map does not name' came hole 0 'R1b not judged'
ok 'ACPI NVS' came nvs 0 'hibernates'
ok 'tables without a device' came table 3
ok 'a device that is not present' came absent 3 'is not present'
ok 'a table alone: the event may be in another' untold part R5 'may be one of a table that is not here'
ok 'a directory' came directory 0 'directory/DSDT'
ok 'a name that two tables have' came twice 0 '\_SB.VGEN is made twice'
ok 'several tables in one file' came both 0
ok "acpidump's text" came dump 0

ok 'a device tree' came tree 0 'there is one interrupt' '0xffe0000 is a multiple of 8'
ok 'without the device' came tree-none 3
ok 'one that does not notify' fails tree-deaf binding 'it has no interrupt'
ok 'one without room for the ID' fails tree-small binding '16 bytes'
ok 'one that is not aligned' fails tree-odd R1a 'is not a multiple of 8'
ok 'the beginning of one' came tree-short 2 'short.dtb: '

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

ok 'a map as Linux shows it to all but root' came zeros 2 'all addresses in it are zero'
ok 'no map where one should be' came no-map 2 'no/such/map: No such file'
ok 'something else' came other-map 2 'line 1 is none of /proc/iomem'
ok 'JSON is what the manual says, and what the text says' json escapes beside malformed
ok 'as nobody' came nobody 0
ok 'who may not read all' came secret 2 'secret: only root may read it'
ok "nor this machine's tables" came nobody-own 2
ok 'without acpica-tools' message missing 'install the package acpica-tools'
ok 'an unknown option' came usage 2 'no-such-option'
ok 'no path' came no-path 2 'is no path of ACPI'
ok "this machine's own tables" own
ok 'the words of the README' readme_works
tap_done
