// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Hyper-V of Windows 22621, two _CIDs: ADDR reads the address from a field of
// memory and makes a named package inside the method.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "HV22621", 1)
{
    // What the firmware leaves for its tables.
    OperationRegion (GENR, SystemMemory, 0x0FFE0100, 8)
    Field (GENR, DWordAcc, NoLock, Preserve) { GCAL, 32, GCAH, 32 }
    Device (\_SB.GENC)
    {
        Name (_HID, "Hyper_V_Gen_Counter_V1")
        Name (_CID, Package () { "VM_Gen_Counter", "VMGENCTR" })
        Name (_UID, 0)
        Name (_DDN, "VM_Gen_Counter")
        Method (ADDR)
        {
            Name (LPKG, Package (2) { 0, 0 })
            LPKG [0] = GCAL
            LPKG [1] = GCAH
            Return (LPKG)
        }
    }
}
