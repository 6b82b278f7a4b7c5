// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// One device that is of both kinds by its names, behind one that is as it should be.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "TWICE", 1)
{
    Device (\_SB.VGEN)
    {
        Name (_HID, "VMGENCTR")
        Name (ADDR, Package (2) { 0x0FFE0000, 0 })
    }
    Device (\_SB.BOTH)
    {
        Name (_HID, "AMZNC10C")
        Name (_CID, "VMGENCTR")
        Name (ADDR, Package (2) { 0x0FFE0010, 0 })
        Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0x0FFE1000, 0x70) })
    }
    Scope (\_GPE)
    {
        Method (_E05) { Notify (\_SB.VGEN, 0x80) Notify (\_SB.BOTH, 0x80) }
    }
}
