// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Devices that Linux's driver binds, or not, which depends on the kernel: what is in
// _HID and _CID, _STA, and addresses that the driver does not check.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "BOUND", 1)
{
    Scope (\_SB)
    {
        // VMware's IDs.
        Device (VB00) { Name (_HID, "VMW0001") Name (_CID, Package () { "VM_Gen_Counter", EisaId ("PNP0C02") }) Name (ADDR, Package (2) { 0x0FFE0000, 0 }) }
        // No _HID.
        Device (VB01) { Name (_CID, "VM_Gen_Counter") Name (ADDR, Package (2) { 0x0FFE0010, 0 }) }
        // Functioning, but not present.
        Device (VB02) { Name (_HID, "QEMUVGID") Name (_CID, "VM_Gen_Counter") Name (_STA, 8) Name (ADDR, Package (2) { 0x0FFE0020, 0 }) }
        // No multiple of 8.
        Device (VB03) { Name (_HID, "FCVMGID") Name (_CID, "VM_Gen_Counter") Name (ADDR, Package (2) { 0x0FFE0034, 0 }) }
        // One of the IDs is none.
        Device (VB04) { Name (_HID, "FCVMGID") Name (_CID, Package () { "VM_Gen_Counter", Buffer (2) { 1, 2 } }) Name (ADDR, Package (2) { 0x0FFE0040, 0 }) }
        // The method returns nothing.
        Device (VB05) { Name (_HID, "VMGENCTR") Method (ADDR) { Local0 = Package (2) { 0x0FFE0050, 0 } Local1 = Local0 } }
        // _STA is no integer.
        Device (VB06) { Name (_HID, "FCVMGID") Name (_CID, "vm_gen_counter") Name (_STA, Package () { 15 }) Name (ADDR, Package (2) { 0x0FFE0060, 0 }) }
        // The _HID of system resources.
        Device (VB07) { Name (_HID, EisaId ("PNP0C02")) Name (_CID, "VM_Gen_Counter") Name (ADDR, Package (2) { 0x0FFE0070, 0 }) }
        Device (VB08) { Name (_HID, "VMGENCTR") Name (ADDR, Package (3) { 0x0FFE0080, 0, 0 }) }
        // Below a device that is not present.
        Device (VBA0) { Name (_STA, 0) Device (VB09) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE0090, 0 }) } }
        Device (VB0A) { Name (_HID, "FCVMGID") Name (_CID, "*VM_Gen_Counter") Name (ADDR, Package (2) { 0x0FFE00B0, 0 }) }
        // The kernel's memory; beyond each processor's; zero.
        Device (VB0B) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x00100000, 0 }) }
        Device (VB0C) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0xFFFFFFF8, 0xFFFFFFFF }) }
        Device (VB0D) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0, 0 }) }
    }
}
