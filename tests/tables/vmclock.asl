// SPDX-License-Identifier: BSD-2-Clause
// Copyright (C) the vmgen authors
//
// VMClock, as QEMU describes it: not a method but a resource names the page.
// FIRE does what the interrupt of a hypervisor would have the firmware do.
DefinitionBlock ("", "SSDT", 2, "VMGEN ", "VMCLOCK", 1)
{
    Device (\_SB.VGEN)
    {
        Name (_HID, "AMZNC10C")
        Name (_CID, "VMCLOCK")
        Name (_DDN, "VMCLOCK")
        Name (_STA, 0x0F)
        Name (_CRS, ResourceTemplate ()
        {
            QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadOnly,
                0xFFFFFFFFFFFFFFFF, 0x0FFE0000, 0x0FFE0FFF, 0, 0x1000)
        })
        Method (FIRE)
        {
            Notify (\_SB.VGEN, 0x80)
        }
    }
}
