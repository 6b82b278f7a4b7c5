// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// QEMU's device as it would be on ARM, where its machine has none: without an
// SCI, so that a device for generic events (ACPI 6.5, 5.6.9) notifies. Linux
// takes it from the initrd; harness/board.py is the host. The ID lies where that
// says in the first 8 bytes of a page, or else 40 bytes after their beginning. The
// page is the one that QEMU allocates for NVDIMMs, in ACPI NVS memory.
DefinitionBlock ("", "SSDT", 2, "VMGEN", "ARM", 1)
{
    External (\MEMA, IntObj)

    Scope (\_SB)
    {
        Device (VGEN)
        {
            Name (_HID, "QEMUVGID")
            Name (_CID, "VM_Gen_Counter")
            Name (_DDN, "VM_Gen_Counter")
            Method (_INI, 0, Serialized)
            {
                OperationRegion (PAGE, SystemMemory, \MEMA + 40, 16)
                Field (PAGE, DWordAcc, NoLock, Preserve)
                {
                    ID, 128
                }
                ID = ToUUID ("d6b0a7a1-3f0e-4f0c-9d3c-6a1f7a0e5b21")
            }
            Method (ADDR, 0, Serialized)
            {
                OperationRegion (HOST, SystemMemory, \MEMA, 8)
                Field (HOST, DWordAcc, NoLock, Preserve)
                {
                    LOW, 32,
                    HIGH, 32
                }
                Local0 = Package (2) {}
                Local0 [0] = LOW
                Local0 [1] = HIGH
                If (LOW == 0 && HIGH == 0)
                {
                    Local0 [0] = \MEMA + 40
                }
                Return (Local0)
            }
        }

        Device (GEDV)
        {
            Name (_HID, "ACPI0013")
            Name (_UID, "vmgenid")
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 42 }
            })
            Method (_EVT, 1, Serialized)
            {
                Notify (\_SB.VGEN, 0x80)
            }
        }
    }
}
