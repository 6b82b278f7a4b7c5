// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// cloud-hypervisor: the address lies above 4 GiB.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "CHV", 1)
{
    Device (\_SB.VGEN)
    {
        Name (_HID, "VMGENCTR")
        Name (_CID, "VM_Gen_Counter")
        Name (_DDN, "VM_Gen_Counter")
        Name (_UID, 0)
        Name (ADDR, Package (2) { 0x10000000, 1 })
    }
}
