// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// A device of which GPEs and a device for generic events tell, as the host has it: what it
// leaves in memory says whether the device is present, and what is notified of.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "EVENTS", 1)
{
    OperationRegion (HOST, SystemMemory, 0x0FFE0100, 16)
    Field (HOST, DWordAcc, NoLock, Preserve) { HERE, 32, OVER, 32, KIND, 32, SEEN, 32 }
    Device (\_SB.VGEN)
    {
        Name (_HID, "VMGENCTR")
        Name (ADDR, Package (2) { 0x0FFE0000, 0 })
        Method (_STA) { Return (HERE) }
    }
    Device (\_SB.BUS0)
    {
        Method (_STA) { Return (OVER) }
        Device (SLOT)
        {
            Device (VGE1)
            {
                Name (_HID, "VMGENCTR")
                Name (ADDR, Package (2) { 0x0FFE0010, 0 })
            }
        }
    }
    Device (\_SB.GEDV)
    {
        Name (_HID, "ACPI0013")
        Name (_CRS, ResourceTemplate ()
        {
            Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 42 }
        })
        Method (_EVT, 1, Serialized)
        {
            If (Arg0 == 42) { Notify (\_SB.VGEN, KIND) }
        }
    }
    Scope (\_GPE)
    {
        Method (_E05) { SEEN += 1 Notify (\_SB.VGEN, KIND) }
        Method (_L06) { SEEN += 1 Notify (\_SB.VGEN, KIND) }
        // What others are notified of.
        Method (_E07) { SEEN += 1 Notify (\_SB.BUS0, 0x80) }
    }
}
