// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Firecracker's shape for a machine with hardware-reduced ACPI. There an
// interrupt of a Generic Event Device would evaluate what FIRE does.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "REDUCED", 1)
{
    // Integers have 64 bits here, as they do not on QEMU's other machines.
    Device (\_SB.VGE6)
    {
        Name (_HID, "VMGENCTR")
        Name (ADDR, Package (2) { 0x10FFE0028, 0 })
    }
    Device (\_SB.VGEN)
    {
        Name (_HID, "FCVMGID")
        Name (_CID, "VM_Gen_Counter")
        Name (_DDN, "VM_Gen_Counter")
        Name (ADDR, Package (2) { 0x0FFE0028, 0 })
        Method (FIRE)
        {
            Notify (\_SB.VGEN, 0x80)
        }
    }
}
