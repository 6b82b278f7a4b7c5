// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// Xen: _HID is a number, ADDR fills a package that lives outside of it. Xen has
// no Notify at all.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "XEN", 1)
{
    Name (\_SB.VGIA, 0x0FFE0010)
    Device (\_SB.VGID)
    {
        Name (_HID, EisaId ("XEN0000"))
        Name (_UID, 0)
        Name (_CID, "VM_Gen_Counter")
        Name (_DDN, "VM_Gen_Counter")
        Name (PKG, Package (2) { 0, 0 })
        Method (_STA)
        {
            If (\_SB.VGIA == 0) { Return (0) }
            Return (0x0F)
        }
        Method (ADDR)
        {
            PKG [0] = \_SB.VGIA
            Return (PKG)
        }
    }
}
