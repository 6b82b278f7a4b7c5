// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// What may name a device: _HID alone, in any case; one of several _CIDs, of which others are
// integers; and what only looks like the name, because it is longer, shorter or elsewhere.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "NAMES", 1)
{
    Scope (\_SB)
    {
        Device (VGE0) { Name (_HID, "VM_Gen_Counter") Name (ADDR, Package (2) { 0x0FFE0000, 0 }) }
        Device (VGE1) { Name (_HID, "vmgenctr") Name (ADDR, Package (2) { 0x0FFE0010, 0 }) }
        Device (VGE2)
        {
            Name (_HID, "ACPI0000")
            Name (_CID, Package () { EisaId ("PNP0C02"), "VMW0001", EisaId ("PNP0C01"), "vm_gen_counter" })
            Name (ADDR, Package (2) { 0x0FFE0020, 0 })
        }
        Device (VGE3)
        {
            Name (_HID, "A_NAME_THAT_IS_LONGER_THAN_THE_FIELD_FOR_IT_IS")
            Method (_CID) { Return ("VMGENCTR") }
            Name (ADDR, Package (2) { 0x0FFE0030, 0 })
        }
        Device (VGA0) { Name (_HID, "VM_GEN_COUNTER_") Name (ADDR, Package (2) { 0, 0 }) }
        Device (VGA1) { Name (_HID, "VM_GEN_COUNTE") Name (ADDR, Package (2) { 0, 0 }) }
        Device (VGA2) { Name (_HID, "QEMUVGID") Name (_DDN, "VM_Gen_Counter") Name (ADDR, Package (2) { 0, 0 }) }
        Device (VGA3) { Name (_HID, "QEMUVGID") Name (_UID, "VMGENCTR") Name (ADDR, Package (2) { 0, 0 }) }
        Device (VGA4) { Name (_CID, Package () { EisaId ("PNP0C02"), 0x0FFE0000 }) Name (ADDR, Package (2) { 0, 0 }) }
    }
}
