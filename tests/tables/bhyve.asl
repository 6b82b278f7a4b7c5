// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// bhyve: _HID is a method, ADDR a plain name. bhyve never sends the Notify.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "BHYVE", 1)
{
    Device (\_SB.GENC)
    {
        Name (_CID, "VM_Gen_Counter")
        Method (_HID) { Return ("Bhyve_V_Gen_Counter_V1") }
        Name (_UID, 0)
        Name (_DDN, "VM_Gen_Counter")
        Name (ADDR, Package (2) { 0x0FFE0000, 0 })
    }
}
