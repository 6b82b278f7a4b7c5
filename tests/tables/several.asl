// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Several devices, which the specification does not forbid: two of the same memory,
// one too many, and a VMClock. FIRE tells of a change of the second.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "SEVERAL", 1)
{
    Scope (\_SB)
    {
        Device (VGE0) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE0000, 0 }) }
        Device (VGEN)
        {
            Name (_HID, "XEN0000")
            Name (_CID, "VM_Gen_Counter")
            Name (ADDR, Package (2) { 0x0FFE1000, 0 })
            Method (FIRE) { Notify (\_SB.VGEN, 0x80) }
        }
        Device (VGE2) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE1000, 0 }) }
        Device (VGE3) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE3000, 0 }) }
        Device (VGE4) { Name (_HID, "VMGENCTR") Name (ADDR, Package (2) { 0x0FFE4000, 0 }) }
    }
}
