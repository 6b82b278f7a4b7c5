// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// VMware: _CID mixes a string and a number, _STA leaves out "shown to the user",
// the low bits of the address register are flags, and integers have 32 bits.
DefinitionBlock ("", "SSDT", 1, "VMGEN ", "VMWARE", 1)
{
    OperationRegion (GENR, SystemMemory, 0x0FFE0100, 8)
    Field (GENR, DWordAcc, NoLock, Preserve) { GENL, 32, GENH, 32 }
    Device (\_SB.VMGC)
    {
        Name (_HID, "VMW0001")
        Name (_CID, Package () { "VM_Gen_Counter", EisaId ("PNP0C02") })
        Name (_UID, 7)
        Name (_DDN, "VM_Gen_Counter")
        Method (_STA)
        {
            If (GENL & 1) { Return (0x0B) }
            Return (0)
        }
        Method (ADDR, 0, Serialized)
        {
            Local0 = Package (2) {}
            Local0 [0] = GENL & 0xFFFFFFF0
            Local0 [1] = GENH
            Return (Local0)
        }
    }
}
