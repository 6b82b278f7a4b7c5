#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# vmgen-acpi-check: what it says of each shape of the device in tests/tables/, of a device with
# one fault for each requirement, and of each form in which tables come.
#
# functions are called through ok and empty, and texts have signs of the shell
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh
. tests/acpi.sh

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
		too-high|R1b|s/0x0FFE0028, 0/0x28, 0x100000/|which is beyond 52 bits
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
		unreached|R5|s/(Notify.*) \}/If (Zero) { \1 } }/|would notify, but it was run to its end and did not
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

start good "$map" "$scratch/good.aml"
start mapless "$scratch/good.aml"
made_of hole 's/0x0FFE0028/0x0FFE5000/; s/Notify (.*) }/Notify \1 Notify (\\_SB.ELSE, 0x80) }/'
start hole "$map" "$scratch/hole.aml"
made_of nvs 's/0x0FFE0028/0x0FFE8010/' && start nvs "$map" "$scratch/nvs.aml"
sed 's/^0ffe0000.*/0ffe0000-0ffe3fff : System RAM (virtio_mem)/' "$scratch/iomem" >"$scratch/hotplug"
start hotplug --iomem="$scratch/hotplug" "$scratch/good.aml"
made_of bus-check 's/.*_E05.*/&\nMethod (\\_GPE._E06) { Notify (\\_SB.VGEN, 0) }/'
start bus-check "$map" "$scratch/bus-check.aml"
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

sed 's/Name (_HID, "ACPI0013")/& Name (_STA, 0)/' "$scratch/reached.asl" >"$scratch/gone"
compile gone <"$scratch/gone"
for kind in Edge Level; do
	sed "s/Edge, Act/$kind, Act/; s/_EVT, 1) .*/_E23) { DO () }/" "$scratch/reached.asl" >"$scratch/of-$kind"
	compile $kind <"$scratch/of-$kind"
	start $kind "$map" "$scratch/$kind.aml"
done
start gone "$map" "$scratch/gone.aml"

sed 's/Method (_EVT, 1)/Method (_E23) { } &/' "$scratch/reached.asl" >"$scratch/own-method"
compile own-method <"$scratch/own-method"
start own-method "$map" "$scratch/own-method.aml"

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
# As the manual has it.
echo 'DefinitionBlock ("", "DSDT", 2, "TEST", "MACHINE", 1) { }' >"$scratch/machine.asl"
start alone "$scratch/machine.asl" tests/tables/qemu.asl
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
start good-json --json "$map" "$scratch/good.aml"
start malformed-json --json "$map" "$scratch/event-malformed.aml" "$scratch/malformed.aml"
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
ok 'of which there is none' fails gone R5 '\_SB.GED._EVT would notify, but \_SB.GED is not present'
ok 'a method of one interrupt' came Edge 0 '\_SB.GED._E23 was run and does Notify'
ok 'which is of the other kind' fails Level R5 '_E23 would notify, but interrupt 0x23 of its _CRS is by level'
ok 'which Linux calls instead of the common one' fails own-method R5 '_EVT would notify, but each of its interrupts has a method of its own'
ok 'an event of another kind beside it' came bus-check 0 'note         R5        \_GPE._E06 notifies of 0x0'
ok 'an event that leads elsewhere too' came hole 0 '\_GPE._E05 leads to \_SB.ELSE too'
ok 'without a map' came mapless 0 'without --iomem: R1b, R1c, R1d, R1e not judged'
ok 'memory that the map does not name' came hole 0 'R1b not judged'
ok 'memory that was added' fails hotplug 'R1c R1d' 'System RAM (virtio_mem) (0xffe0000-0xffe3fff), which the operating system uses'
ok 'ACPI NVS' came nvs 0 'hibernates'
ok 'tables without a device' came table 3
ok 'a device that is not present' came absent 3 'is not present'
ok 'a table alone: the event may be in another' untold part R5 'may be one of a table that is not here'
ok 'with an empty machine around it' fails alone R5 'no event notifies of a change'
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

ok 'JSON is what the manual says, and what the text says' json good malformed
ok "its version is the Makefile's" test "$("$program" --version)" = \
	"vmgen-acpi-check $(sed -n 's/^VERSION *:= *//p' Makefile)"
tap_done
