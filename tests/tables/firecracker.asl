// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Firecracker since March 2026: no _STA, ADDR is a plain name,
// the address lies below 1 MiB.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "FC", 1)
{
    Device (\_SB.VGEN)
    {
        Name (_HID, "VMGENCTR")
        Name (_CID, "VM_Gen_Counter")
        Name (_DDN, "VM_Gen_Counter")
        Name (ADDR, Package (2) { 0x000DFFF0, 0 })
    }
}
