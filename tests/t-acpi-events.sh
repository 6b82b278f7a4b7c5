#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What vmgen-acpi-check says of events, of what evaluating ADDR does, of device trees, and of
# guests. What Linux's driver binds was seen on its kernels, which tests/vm/t-bound.py does again.
#
# functions are called through ok; backslashes are those of ACPI's paths
# shellcheck disable=SC2317,SC1003

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/events" "$scratch/reduced"

check() { daemon/acpi/vmgen-acpi-check "$@"; }

# report NAME ARGUMENT...: into NAME.out, beside the others: acpiexec mostly sleeps.
report() {
	name=$1
	shift
	check "$@" >"$scratch/$name.out" 2>&1 &
}

# of NAME PATH: what the report says of this device.
of() { awk -v path="$2" '/^[\\\/]/ { on = $1 == path } /^$/ { on = 0 } on' "$scratch/$1.out"; }

# says NAME PATH TEXT: the report has this line of the device, marks and spaces aside.
says() {
	of "$1" "$2" | tr -s ' ' >"$scratch/said"
	grep -F -e "$3" "$scratch/said" || { cat "$scratch/said"; return 1; }
}

# silent NAME PATH TEXT: it has no such line, but others.
silent() { says "$1" "$2" Linux && ! says "$1" "$2" "$3"; }

# fadt FLAGS LENGTH: an FADT with a GPE block of so many bytes, and nothing else.
fadt() {
	/usr/bin/python3 - "$@" <<-'END'
		import sys
		t = bytearray(b"FACP" + (276).to_bytes(4, "little") + b"\6\0VMGEN EVENTS  ").ljust(276, b"\0")
		t[80:84], t[92] = (0x600).to_bytes(4, "little"), int(sys.argv[2])
		t[112:116] = int(sys.argv[1], 0).to_bytes(4, "little")
		t[9] = -sum(t) % 256
		sys.stdout.buffer.write(t)
	END
}

# compile NAME: -f, as iasl refuses what is wrong on purpose.
compile() { iasl -f -oa -p "$scratch/$1" "$scratch/$1.asl" >"$scratch/iasl" 2>&1; }

device='Name (_HID, "TEST0001") Name (_CID, "VM_Gen_Counter") Name (_DDN, "VM_Gen_Counter")'
addr='Name (ADDR, Package (2) { 0x0FFE0000, 0 })'
interrupt='Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive)'

{
	echo 'DefinitionBlock ("", "DSDT", 2, "V*/\"{", "}\"{ /*", 1) {'
	echo '  OperationRegion (PORT, SystemIO, 0x80, 1) Field (PORT, ByteAcc, NoLock, Preserve) { QCMD, 8 }'
	echo '  Scope (\_SB) {'
	for n in 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11; do
		echo "    Device (VG$n) { $device $addr }"
	done
	cat <<-END
		    Method (DQUE) { If (QCMD == 4) { Notify (VG01, 0x80) } }
		    Scope (VG02) { Method (KICK, 1) { Notify (^, Arg0) } }
		    Scope (VG04) { Method (FIRE) { Notify (\\_SB.VG04, 0x80) } }
		    Device (GED0) {
		      Name (_HID, "ACPI0013")
		      Name (_CRS, ResourceTemplate () { $interrupt { 42, 43 } $interrupt { 44 } })
		      Method (_EVT, 1, Serialized) {
		        If (Arg0 == 44) { Notify (VG07, 0x80) }
		        If (Arg0 == 43) { Notify (VG08, 0x80) }
		        If (Arg0 == 50) { Notify (VG09, 0x80) }
		      }
		    }
		    Device (GED1) { Name (_HID, "ACPI0013") Method (_EVT, 1) { Notify (VG0A, 0x80) } }
		    Device (GED2) {
		      Name (_HID, "ACPI0013")
		      Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xF0000, 16) $interrupt { 45 } })
		      Method (_EVT, 1) { Notify (VG11, 0x80) }
		    }
		    Device (PINS) {
		      Name (_HID, "ARMH0061")
		      Name (_AEI, ResourceTemplate () { GpioInt (Edge, ActiveHigh, Exclusive, PullUp, 0, "\\\\_SB.PINS") { 3 } })
		      Method (_E03) { Notify (VG0B, 0x80) }
		    }
		    Device (EMBC) { Name (_HID, EisaId ("PNP0C09")) Method (_Q10) { Notify (VG0C, 0x80) } }
		    Alias (VG0D, ALIA)
		  }
		  Scope (\\_GPE) {
		    Method (_E00) { Notify (\\_SB.VG00, 0x80) }
		    Method (_L01) { \\_SB.DQUE () }
		    Method (_E02) { \\_SB.VG02.KICK (0x80) }
		    Method (_E03) { Notify (\\_SB.VG03, 0x81) Notify (\\_SB.VG0F, 0x80) Notify (\\_SB.VG10, 0x80) }
		    Method (_W05) { Notify (\\_SB.VG05, 0x80) }
		    Method (_E45) { Notify (\\_SB.VG06, 0x80) }
		    Method (_E0D) { Notify (\\_SB.ALIA, 0x80) }
		    Method (_E0E) { Local0 = "} } Notify (\\\\_SB.VG0E, 0x80) /* {" Notify (\\_SB.VG00, 0x80) }
		    Method (_E0F) { Notify (\\_SB.VG0F, 0x80) LOO1 () }
		    Method (_L0F) { Notify (\\_SB.VG0F, 0x80) }
		    Method (LOO1) { If (QCMD == 1) { LOO2 () } }
		    Method (LOO2) { LOO1 () }
		  }
		}
	END
} >"$scratch/events.asl"
# Names that nothing has, and what is known only at run time.
{
	echo 'DefinitionBlock ("", "DSDT", 2, "VMGEN ", "LOST", 1) {'
	echo "  External (\\_SB.VGNE) OperationRegion (PORT, SystemIO, 0x80, 1) Field (PORT, ByteAcc, NoLock, Preserve) { QCMD, 8 }"
	echo "  Scope (\\_SB) { Device (VGEN) { $device $addr } Method (PASS, 1) { Notify (Arg0, 0x80) } }"
	echo '  Scope (\_GPE) { Method (_E05) { Notify (\_SB.VGNE, 0x80) } Method (_E06) { If (QCMD) { \_SB.PASS (\_SB.VGEN) } } }'
	echo '}'
} >"$scratch/lost.asl"
# Of an effect each.
{
	echo 'DefinitionBlock ("", "DSDT", 2, "VMGEN ", "EFFECTS", 1) {'
	echo '  OperationRegion (MEMO, SystemMemory, 0x1000, 8) Field (MEMO, DWordAcc, Lock, Preserve) { LOWW, 32, RSTE, 32 }'
	cat <<-END
		  Mutex (MUTX, 0) Name (KEPT, Package (2) { 0, 0 })
		  Method (HLPR, 0, Serialized) { Acquire (MUTX, 0xFFFF) RSTE = 1 Release (MUTX) Return (0) }
		  Device (\\_SB.VGEN) {
		    $device
		    Method (ADDR) {
		      Name (MINE, Package (2) { 0, 0 })
		      KEPT [1] = HLPR () KEPT [0] = LOWW MINE [0] = 1
		      Sleep (1)
		      Return (KEPT)
		    }
		  }
		  Device (\\_SB.VGEP) { Name (_HID, "TEST0001") Name (_CID, "VM_Gen_Counter") Method (ADDR) { Local0 = Package (2) { 8, 0 } Return (Local0) } }
		}
	END
} >"$scratch/effects.asl"

# As it was seen: Debian's kernels 6.1.0-56 (an acpi_driver), 6.12.117, 7.2.12 and 7.3.4.
bound() {
	cat <<-'END'
		VB00 yes no yes
		VB01 yes no no
		VB02 no no no
		VB03 yes yes yes
		VB04 yes yes yes
		VB06 no no no
		VB07 yes no no
		VB08 no no no
		VB09 no no no
		VB0A yes yes yes
		VB0B yes yes yes
		VB0C no no no
		VB0D yes yes yes
	END
}

# guest NAME PATH GUEST yes|no: whether the guest is said to bind.
guest() {
	of "$1" "$2" | grep -F "$3" >"$scratch/said"
	cat "$scratch/said"
	case $4 in
	yes) grep -q ': binds\>' "$scratch/said" ;;
	no) grep -q ': does not bind\>' "$scratch/said" ;;
	unknown) grep -q ': whether it binds is not known' "$scratch/said" ;;
	*) return 1 ;;
	esac
}

# wrong_guests NAME: devices for which a kernel is said to do something else than it did.
wrong_guests() {
	bound | while read -r name acpi platform later; do
		path="\\_SB.$name"
		[ "$name" = VB09 ] && path='\_SB.VBA0.VB09'
		while IFS=: read -r kernel answer; do
			guest "$1" "$path" "Linux $kernel" "$answer" >"$scratch/line" && continue
			echo "$name, Linux $kernel bound: $answer"
			cat "$scratch/line"
		done <<-END
			5.18 to 6.9,:$acpi
			6.10 to 6.19,:$platform
			7.0 to newest,:$later
		END
	done
}

# sentences: "VG00 text", as tests/vm/t-malformed.py sees the module log it (harness/shapes.py).
sentences() { sed -nE 's/^    "(VG[0-9]+)": "(.*)",$/\1 \2/p' tests/vm/harness/shapes.py; }

# other_sentences NAME: devices of which the module is said to log something else.
other_sentences() {
	sentences | while read -r name text; do
		says "$1" "\\_SB.$name" "Linux 5.10 to newest, vmgenc: does not bind: it logs \"$text; report" \
			>"$scratch/line" || { echo "$name $text"; cat "$scratch/line"; }
	done
	[ "$(sentences | wc -l)" -ge 15 ] || echo 'no sentences in harness/shapes.py'
}

# What is known of the hypervisors' shapes: whether Linux of 6.1, 6.12 and 7.2, FreeBSD and NetBSD
# bind; the module uses each (tests/vm/t-shapes.py).
shapes() {
	cat <<-'END'
		bhyve yes yes yes yes yes
		qemu yes yes yes yes yes
		hyperv-2020 yes yes yes yes yes
		hyperv-2024 yes yes yes yes yes
		xen yes yes yes yes yes
		vmware yes no yes unknown yes
		firecracker yes yes yes yes yes
		firecracker-old yes yes yes yes yes
		cloud-hypervisor yes yes yes yes yes
	END
}

# rename SHAPE NUMBER: its table, whose names and memory are no other's, so that all are one
# machine's.
rename() {
	sed -E "s/\<(VGEN|GENC|VGID|VMGC)\>/SH0$2/; s/\<VGIA\>/VI0$2/; s/\<GENR\>/GR0$2/
		s/\<(GCAL|GENL)\>/LO0$2/g; s/\<(GCAH|GENH)\>/HI0$2/g; s/0x0FFE0100/0x0FFE0${2}00/" "tests/tables/$1.asl" >"$scratch/$1.asl"
}

wrong_shapes() {
	number=0
	shapes | while read -r shape acpi platform later freebsd netbsd; do
		number=$((number + 1))
		while IFS=: read -r name answer; do
			guest shapes "\\_SB.SH0$number" "$name" "$answer" >"$scratch/line" && continue
			echo "$shape, $name: $answer"
			cat "$scratch/line"
		done <<-END
			Linux 5.18 to 6.9,:$acpi
			Linux 6.10 to 6.19,:$platform
			Linux 7.0 to newest,:$later
			Linux 5.10 to newest, vmgenc:yes
			FreeBSD:$freebsd
			NetBSD:$netbsd
		END
	done
}

# node NAME ADDRESS INTERRUPT: a device below the bus of the tree.
node() { echo "$1@$2 { compatible = \"microsoft,vmgenid\"; reg = <0x$2 16>; $3 };"; }

tree() {
	cat <<-END
		/dts-v1/;
		/ {
		  #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
		  gic: gic@8000000 { compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>; reg = <0 0x8000000 0 0x10000>; };
		  memory@80200000 { device_type = "memory"; reg = <0 0x80200000 0 0x10000000>; };
		  reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; kept@80300000 { reg = <0 0x80300000 0 0x1000>; no-map; }; };
		  vmclock { compatible = "amazon,vmclock"; };
		  bus {
		    compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0x80000000 0x1000000>;
		    $(node good ff8 'interrupts = <0 35 1>;')
		    $(node disabled 1000 'interrupts = <0 35 1>; status = "disabled";')
		    $(node short 2000 'interrupts = <0 35 1>;' | sed 's/ 16>/ 8>/')
		    $(node odd 3004 'interrupts = <0 35 1>;')
		    $(node outside 1000000 'interrupts = <0 35 1>;')
		    $(node deaf 4000 '')
		    $(node cells 5000 'interrupts = <0 35>;')
		    $(node stray 6000 'interrupts = <0 35 1>; interrupt-parent = <0x99>;')
		    $(node extended 7000 'interrupts-extended = <&gic 0 35 1>;')
		    $(node used 200000 'interrupts = <0 35 1>;')
		    $(node kept 300000 'interrupts = <0 35 1>;')
		    device@9000 { #address-cells = <1>; #size-cells = <1>; ranges; $(node below 9000 'interrupts = <0 35 1>;') };
		  };
		};
	END
}

# hostile_asl: what iasl never writes takes no time and raises nothing.
hostile_asl() {
	timeout 60 /usr/bin/python3 -IB - <<-'END'
		import sys, time
		sys.path.insert(0, "daemon/acpi")
		from acpi_check import asl, calls, effects
		head, size = '\nDefinitionBlock ("", "DSDT", 2, "", "", 0)\n{\n', 50000
		for text in ('"' * size, '"\\' * size, "{" * size, "}" * size, "/*" * size, "(" * size,
		             "Device (" * size, "Method (A, 0) {" * (size // 10), "Field (R) {" * (size // 10),
		             "Scope (^^^^A) {" * (size // 10), "A." * size, "^" * size, "\\" * size,
		             "Alias (A, A) " * (size // 10) + "Method (M) { A }", "Name (" + "A, " * size,
		             "Method (M) { Notify (" + "(" * size, "Method (M) {" + "M " * size + "}", "\0\x1b\xff" * size):
		    before = time.process_time()
		    program, long = asl.read([head + text])
		    graph = calls.Calls(program)
		    for path in list(program.methods)[:100]:
		        effects.of(graph, path)
		        graph.notifies(path)
		    assert not long, text[:20]
		    assert time.process_time() - before < 5, text[:20]
	END
}

fadt 0 4 >"$scratch/events/FACP" && fadt 0x100000 0 >"$scratch/reduced/FACP" &&
	compile events && compile lost && compile effects || exit 1
cp "$scratch/events.aml" "$scratch/events/DSDT"
cp "$scratch/events.aml" "$scratch/reduced/DSDT"
echo '00100000-001fffff : System RAM' >"$scratch/iomem"
report events "$scratch/events"
report reduced "$scratch/reduced"
report lost "$scratch/lost.aml"
report effects "$scratch/effects.aml"
# Half of them each time, as each device takes acpiexec its time.
sed '/Device (VB0[89A-D]/d; /Device (VBA/d' tests/tables/bound.asl >"$scratch/bound.asl"
sed '/Device (VB0[0-7]/d' tests/tables/bound.asl >"$scratch/bound2.asl"
sed -E '/Device \(V(G1|GA|C)/d; /^        (Device \(VGA2|\{|\}|    )/d' tests/tables/malformed.asl >"$scratch/malformed.asl"
sed -E '/Device \(V(G0|GA|C)/d; /^        (Device \(VGA2|\{|\}|    )/d' tests/tables/malformed.asl >"$scratch/malformed2.asl"
for half in bound bound2 malformed malformed2; do
	report "$half" --iomem="$scratch/iomem" "$scratch/$half.asl"
done
number=0
for shape in $(shapes | cut -d ' ' -f 1); do
	number=$((number + 1))
	rename "$shape" "$number"
	set -- "$@" "$scratch/$shape.asl"
	case $shape in
	hyperv-*) set -- "$@" "--set=\\LO0$number=0x0ffe0008" "--set=\\HI0$number=0" ;;
	vmware) set -- "$@" "--set=\\LO0$number=0x0ffe0011" "--set=\\HI0$number=0" ;;
	esac
done
report shapes "$@"
tree >"$scratch/tree.dts" && dtc -q -o "$scratch/tree.dtb" "$scratch/tree.dts" && report tree "$scratch/tree.dtb"
wait
cat "$scratch/bound2.out" >>"$scratch/bound.out"
cat "$scratch/malformed2.out" >>"$scratch/malformed.out"

ok 'a GPE notifies, and was seen to' says events '\_SB.VG00' 'holds R5 \_GPE._E00 was run and does Notify(\_SB.VG00, 0x80)'
ok 'what a register decides is read' says events '\_SB.VG01' 'holds R5 \_GPE._L01 has the code for Notify(\_SB.VG01, 0x80)'
ok 'what an argument decides is seen' says events '\_SB.VG02' 'holds R5 \_GPE._E02 was run and does'
ok 'another value' says events '\_SB.VG03' 'fails R5 \_GPE._E03 notifies of 0x81 instead of 0x80'
ok 'what the same event notifies too' says events '\_SB.VG03' 'note R5 \_GPE._E03 leads to \_SB.VG10 too'
ok 'a method that no event calls' says events '\_SB.VG04' 'fails R5 no event notifies of a change: only \_SB.VG04.FIRE would'
ok 'a wake event' says events '\_SB.VG05' 'note R5 \_GPE._W05 would notify, but it is for waking'
ok 'a GPE that the FADT does not have' says events '\_SB.VG06' "note R5 \\_GPE._E45 would notify, but the FADT's GPE blocks have no GPE 0x45"
ok 'no GPE in hardware-reduced ACPI' says reduced '\_SB.VG00' 'note R5 \_GPE._E00 would notify, but ACPI is hardware-reduced'
ok 'a generic event device there' says reduced '\_SB.VG07' 'holds R5 \_SB.GED0._EVT was run and does'
ok 'one of its interrupts' says events '\_SB.VG07' 'holds R5 \_SB.GED0._EVT was run and does'
ok 'an interrupt that Linux does not ask for' says events '\_SB.VG08' 'Linux uses only the first interrupt of a descriptor'
ok 'for which Linux is deaf' says events '\_SB.VG08' 'fails Linux 7.0 to newest, in tree: binds, but does not hear'
ok 'an interrupt that it does not have' says events '\_SB.VG09' 'would notify, but none of its interrupts (42, 43, 44) leads there'
ok 'without interrupts' says events '\_SB.VG0A' 'would notify, but the device has no _CRS'
ok 'with memory beside them' says events '\_SB.VG11' 'would notify, but its _CRS has more than interrupts'
ok 'a pin' says events '\_SB.VG0B' 'holds R5 \_SB.PINS._E03 was run'
ok 'an embedded controller' says events '\_SB.VG0C' 'holds R5 \_SB.EMBC._Q10 was run'
ok 'an alias' says events '\_SB.VG0D' 'holds R5 \_GPE._E0D was run'
ok 'code in a string is none' silent events '\_SB.VG0E' _E0E
ok 'two methods for one GPE' says events '\_SB.VG0F' 'note R5 \_GPE._E0F would notify, but there is _L0F too'
ok 'a name that nothing has' says lost '\_SB.VGEN' 'note R5 \_GPE._E05 leads to \_SB.VGNE, but none of these tables has that'
ok 'what only the run can tell' says lost '\_SB.VGEN' 'cannot tell R5 what \_GPE._E06 notifies is known only when that runs'

for effect in 'creates \_SB.VGEN.ADDR.MINE' 'is NotSerialized although it creates objects' 'calls \HLPR' \
	'calls \HLPR, which is Serialized' 'takes the mutex \MUTX' 'writes to \RSTE, a field of SystemMemory' \
	'reads \LOWW, a field of SystemMemory' 'takes the global lock' 'changes \KEPT' 'waits'; do
	ok "ADDR $effect" says effects '\_SB.VGEN' "note R4 ADDR $effect"
done
ok 'without effects none is said' silent effects '\_SB.VGEP' 'note R4'

empty 'Linux binds what it was seen to bind' wrong_guests bound
ok 'its driver reads no ID in RAM' says bound '\_SB.VB0B' 'fails Linux 5.18 to 6.9, in tree: binds, but what it reads is no ID'
ok 'what it makes of nothing is not known' says bound '\_SB.VB05' 'cannot tell Linux 6.10 to 6.19, in tree: whether it binds is not known'
empty "the module's sentences" other_sentences malformed
ok 'three elements overflow on FreeBSD' says bound '\_SB.VB08' 'fails FreeBSD'
empty "the hypervisors' shapes" wrong_shapes
ok 'Xen notifies nobody' says shapes '\_SB.SH05' 'fails Linux 7.0 to newest, in tree: binds, but does not hear of changes: Xen'
ok 'there the module looks by itself' says shapes '\_SB.SH05' 'holds Linux 5.10 to newest, vmgenc: binds and hears of changes'
ok 'OpenBSD has no driver' says shapes '\_SB.SH02' 'fails OpenBSD'
ok 'of Windows too little is documented' says shapes '\_SB.SH02' 'cannot tell Windows'

ok 'a tree: the bus says where' says tree /bus/good@ff8 'holds R1a 0x80000ff8'
ok 'Linux and the module use it' says tree /bus/good@ff8 'holds Linux 6.10 to newest, in tree: binds and hears'
ok 'and not before 6.10' says tree /bus/good@ff8 'fails Linux 5.18 to 6.9, in tree: does not bind'
ok 'there is a VMClock' says tree /bus/good@ff8 'note binding there is a VMClock'
ok 'disabled' says tree /bus/disabled@1000 'fails binding its status is "disabled"'
ok 'the module logs that' says tree /bus/disabled@1000 'it logs "ignored, its status is not okay"'
ok 'too short' says tree /bus/short@2000 'it logs "its memory is shorter than 16 bytes'
ok 'no multiple of 8' says tree /bus/odd@3004 'fails R1a'
ok 'out of the ranges' says tree /bus/outside@1000000 'fails binding the ranges of a bus above it do not have its address'
ok 'no interrupt' says tree /bus/deaf@4000 'fails binding it has no interrupt'
ok 'the in-tree driver does not bind' says tree /bus/deaf@4000 'fails Linux 6.10 to newest, in tree: does not bind'
ok 'the module has its timer' says tree /bus/deaf@4000 'binds and hears of changes, if the kernel does not use that memory (which --iomem tells); it has no usable interrupt'
ok 'cells that are missing' says tree /bus/cells@5000 'fails binding interrupts has 8 bytes, and /gic@8000000 has 3 cells for each'
ok 'no controller' says tree /bus/stray@6000 'fails binding interrupt-parent, of it or above it, leads to no interrupt controller'
ok 'interrupts-extended' says tree /bus/extended@7000 'holds binding there is one interrupt'
ok 'the memory of the system' says tree /bus/used@200000 'fails binding the ID at 0x80200000 lies in a memory node'
ok 'which is reserved' silent tree /bus/kept@300000 'memory node'
ok 'below what Linux does not look into' says tree /bus/device@9000/below@9000 'it lies below what is no simple bus'
ok 'what iasl never writes' hostile_asl
tap_done
