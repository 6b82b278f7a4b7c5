// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// QEMU: _STA depends on the address, ADDR makes a package of its own, 40 bytes
// into the page.
DefinitionBlock ("", "SSDT", 1, "VMGEN ", "QEMU", 1)
{
    Name (VGIA, 0x0FFE0000)
    Device (\_SB.VGEN)
    {
        Name (_HID, "QEMUVGID")
        Name (_CID, "VM_Gen_Counter")
        Name (_DDN, "VM_Gen_Counter")
        Method (_STA)
        {
            If (VGIA == 0) { Return (0) }
            Return (0x0F)
        }
        Method (ADDR)
        {
            Local0 = Package (2) {}
            Local0 [0] = VGIA + 0x28
            Local0 [1] = 0
            Return (Local0)
        }
    }
}
