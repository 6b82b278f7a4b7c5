// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Generation ID devices, and VMClocks, as no firmware should make them, one fault
// each. None may be used, and each has a message of its own.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "WRONG", 1)
{
    Scope (\_SB)
    {
        Device (VG00) { Name (_HID, "VMGENCTR") }   // no ADDR
        Device (VG01) { Name (_HID, "VMGENCTR") Name (ADDR, Package (1) { 0x0FFE0000 }) }
        Device (VG02) { Name (_HID, "VMGENCTR") Name (ADDR, Package (3) { 0x0FFE0000, 0, 0 }) }
        Device (VG03) { Name (_HID, "VMGENCTR") Name (ADDR, "0x0FFE0000") }
        Device (VG04) { Name (_HID, "VMGENCTR") Name (ADDR, 0x0FFE0000) }
        Device (VG05) { Name (_HID, "VMGENCTR") Name (ADDR, Buffer (8) { 0, 0, 0xFE, 0x0F }) }
        Device (VG06) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { "0x0FFE0000", 0 }) }
        Device (VG07) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE0000 }) }
        Device (VG08) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { Package () { 0x0FFE0000 }, 0 }) }
        Device (VG09) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0, 0 }) }
        Device (VG10) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE0004, 0 }) }
        Device (VG11) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x00100000, 0 }) }
        Device (VG12) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0xFFFFFFF8, 0xFFFFFFFF }) }
        Device (VG13) { Name (_HID, "VMGENCTR") Method (ADDR) { Divide (1, 0, Local0) Return (Package (2) { 0x0FFE0000, 0 }) } }
        Device (VG14) { Name (_HID, "VMGENCTR") Name (_STA, Package () { 15 }) Name (ADDR, Package (2) { 0x0FFE0000, 0 }) }
        Device (VC00) { Name (_HID, "AMZNC10C") }   // no _CRS
        Device (VC01) { Name (_HID, "AMZNC10C") Name (_CRS, ResourceTemplate () { IO (Decode16, 0x60, 0x60, 1, 1) }) }
        Device (VC02) { Name (_HID, "AMZNC10C") Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xF0000, 0x1000) Memory32Fixed (ReadOnly, 0xF1000, 0x1000) }) }
        Device (VC03) { Name (_HID, "AMZNC10C") Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xF0000, 0x68) }) }
        Device (VC04) { Name (_HID, "AMZNC10C") Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xF0004, 0x1000) }) }
        Device (VC05) { Name (_HID, "AMZNC10C") Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0x100000, 0x1000) }) }
        Device (VC06) { Name (_HID, "AMZNC10C") Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xF0000, 0) }) }
        Device (VC07) { Name (_HID, "ACPI0000") Name (_CID, "vmclock") Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xF0000, 0x1000) }) }
        // Not present, so not even looked at.
        Device (VCA0) { Name (_HID, "AMZNC10C") Name (_STA, 0) }
        Device (VGA0) { Name (_HID, "VMGENCTR") Name (_STA, 0) Name (ADDR, Package (2) { 0x0FFE0000, 0 }) }
        Device (VGA1) { Name (_HID, "VMGENCTR") Name (_STA, 8) Name (ADDR, Package (2) { 0x0FFE0000, 0 }) }
        Device (VGA2)
        {
            Name (_STA, 0)
            Device (VGA3) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE0000, 0 }) }
        }
    }
}
