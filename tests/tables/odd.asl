// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Shapes that nobody ships and the specification allows: no _HID, an ID that
// crosses a page. The second device is one too many.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "ODD", 1)
{
    Scope (\_SB)
    {
        Device (VGE0)
        {
            Name (_CID, "vm_gen_counter")
            Name (ADDR, Package (2) { 0x0FFE0FF8, 0 })
        }
        Device (VGE1)
        {
            Name (_HID, "VMGENCTR")
            Name (ADDR, Package (2) { 0x0FFE2000, 0 })
        }
    }
}
