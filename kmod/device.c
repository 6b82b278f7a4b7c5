// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * The generation ID device, whoever describes it: firmware is asked for one,
 * where it says that the ID lies is checked, and the ID is mapped.
 */
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "vmgenc.h"

#ifdef CONFIG_X86
#include <asm/processor.h>
#endif
#ifdef CONFIG_ARM64
#include <asm/cpufeature.h>
#include <asm/cputype.h>
#endif

static unsigned int cpu_phys_bits(void)
{
#if defined(CONFIG_X86)
	return boot_cpu_data.x86_phys_bits;
#elif defined(CONFIG_ARM64)
	/* Arm ARM: PARange is the lowest field, four bits wide. */
	return id_aa64mmfr0_parange_to_phys_shift(read_cpuid(ID_AA64MMFR0_EL1) & 15);
#else
	return 64;
#endif
}

static bool is_addressable(u64 phys)
{
	u64 last = phys + VMGENID_ID_SIZE - 1;
	unsigned int bits = cpu_phys_bits();

	if (bits < 64 && last >> bits)
		return false;
	return last > phys && (phys_addr_t)last == last;
}

/* Returns: NULL; or what is wrong with the address, in words. */
static const char *check_address(u64 phys)
{
	if (!phys)
		return "the address is zero";
	if (!IS_ALIGNED(phys, sizeof(u64)))
		return "the address is not a multiple of 8";
	if (!is_addressable(phys))
		return "the address is beyond what this CPU can address";
	if (region_intersects(phys, VMGENID_ID_SIZE, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return "the address lies in memory that the kernel uses";
	return NULL;
}

/*
 * Takes the device into use if nobody was before it. The hid may be empty;
 * wrong is NULL, or what the caller found wrong with the device, in words.
 *
 * Returns: whether this is the device in use now.
 */
bool vmgenc_device_offer(struct vmgenc *vg, const char *path, const char *hid,
			 u64 phys, const char *wrong)
{
	if (vg->memory) {
		pr_warn("%s: ignored, only the first device is used\n", path);
		return false;
	}
	if (!wrong)
		wrong = check_address(phys);
	if (wrong) {
		pr_err("%s: %s; this is for the vendor of the hypervisor to mend\n",
		       path, wrong);
		return false;
	}
	/* UAPI.14: cacheable. DEC: the host writes it, in the clear. */
	vg->memory = memremap(phys, VMGENID_ID_SIZE, MEMREMAP_WB | MEMREMAP_DEC);
	if (!vg->memory) {
		pr_err("%s: cannot map the ID at %#llx\n", path, phys);
		return false;
	}
	vg->phys = phys;
	strscpy(vg->hid, hid, sizeof(vg->hid));
	return true;
}

/*
 * Asks each firmware, until one has a device; NULL ends them.
 *
 * Returns: 0; -ENODEV: this machine has no usable device. The messages before
 * it say why.
 */
int vmgenc_device_find(struct vmgenc *vg,
		       const struct vmgenc_firmware * const *firmware)
{
	for (; *firmware; firmware++) {
		(*firmware)->find(vg);
		if (vg->memory) {
			vg->firmware = *firmware;
			return 0;
		}
	}
	pr_notice("no usable generation ID device: have the hypervisor provide one (QEMU: -device vmgenid)\n");
	return -ENODEV;
}

void vmgenc_device_unmap(struct vmgenc *vg)
{
	memunmap((void *)vg->memory);
}

/*
 * After the host's notification, where it may be waited: others may have
 * noticed the change before it arrived, so this compares the counts.
 */
void vmgenc_device_notified(struct vmgenc *vg)
{
	u64 settled;

	kthread_flush_work(&vg->settle);
	spin_lock(&vg->lock);
	settled = vg->n_settled;
	spin_unlock(&vg->lock);
	if (xchg(&vg->n_notified, settled) == settled)
		atomic64_inc(&vg->spurious_notifies);
}

/*
 * Not by the kernel's vmfork notifiers: with a device tree the in-tree driver calls
 * that chain in its interrupt, and what is called takes a lock that sleeps as soon as
 * anybody is in the chain. The firmware tells this module as well.
 */
int vmgenc_device_listen(struct vmgenc *vg)
{
	int err;

	err = vg->firmware->listen(vg);
	if (err)
		return err;
	/* Of a change between the first look and now. */
	vmgenc_notice(vg, VMGENID_SOURCE_RECHECK);
	return 0;
}

/* After this no trigger is running any more. */
void vmgenc_device_ignore(struct vmgenc *vg)
{
	vg->firmware->ignore(vg);
}
