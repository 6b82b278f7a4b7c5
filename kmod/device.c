// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * The devices, no matter what describes them: firmware is asked for them, where it says
 * that the ID lies is checked, the ID is mapped, and one of them is chosen.
 */
#include <linux/device.h>
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

static bool is_addressable(u64 phys, u64 size)
{
	u64 last = phys + size - 1;
	unsigned int bits = cpu_phys_bits();

	if (bits < 64 && last >> bits)
		return false;
	return last > phys && (phys_addr_t)last == last;
}

/* Returns: NULL; or what is wrong with the address, in words. */
static const char *check_address(u64 phys, u64 size)
{
	if (!phys)
		return "the address is zero";
	if (!IS_ALIGNED(phys, sizeof(u64)))
		return "the address is not a multiple of 8";
	if (!is_addressable(phys, size))
		return "the address is beyond what this CPU can address";
	if (region_intersects(phys, size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_DISJOINT)
		return "the address lies in memory that the kernel uses";
	return NULL;
}

static struct vmgenc_id sample_genid(const void *memory)
{
	const struct vmgenc_id *id = memory;

	return (struct vmgenc_id){ {
		READ_ONCE(id->half[0]),
		READ_ONCE(id->half[1]),
	} };
}

const struct vmgenc_kind vmgenc_genid = {
	.size = VMGENID_ID_SIZE,
	.too_short = "its memory is shorter than 16 bytes",
	.sample = sample_genid,
};

/*
 * The memory is not claimed by request_mem_region(): it mostly lies in what the
 * firmware has reserved, which is busy already, and where it does not, the in-tree
 * drivers for device trees and for VMClock claim it, and could not bind.
 * UAPI.13 and 14: cacheable. DEC: the host writes it, in the clear.
 */
static const void *map_memory(const char *path, const struct vmgenc_kind *kind, u64 phys, u64 room)
{
	const void *memory = memremap(phys, kind->size, MEMREMAP_WB | MEMREMAP_DEC);
	const char *wrong;

	if (!memory) {
		pr_err("%s: cannot map the memory at %#llx\n", path, phys);
		return NULL;
	}
	wrong = kind->check ? kind->check(memory, room) : NULL;
	if (!wrong)
		return memory;
	pr_notice("%s: %s, so it is of no use here\n", path, wrong);
	memunmap((void *)memory);
	return NULL;
}

/*
 * Takes the device down as one that can be used. The hid may be empty; room is the
 * size of the memory at phys; wrong is NULL, or what the caller found wrong with the
 * device, in words.
 *
 * Returns: the device; NULL: it cannot be used, and the log says why.
 */
struct vmgenc_device *vmgenc_device_offer(struct vmgenc *vg,
					  const struct vmgenc_firmware *firmware,
					  const char *path, const char *hid,
					  u64 phys, u64 room, const char *wrong)
{
	const struct vmgenc_kind *kind = firmware->kind;
	struct vmgenc_device *dev;
	const void *memory;

	if (!wrong && room < kind->size)
		wrong = kind->too_short;
	if (!wrong)
		wrong = check_address(phys, kind->size);
	if (wrong) {
		pr_err("%s: %s; report it to the hypervisor vendor\n", path, wrong);
		return NULL;
	}
	if (vg->n_devices == VMGENC_DEVICES) {
		pr_warn("%s: ignored, no more than %d devices are used\n", path, VMGENC_DEVICES);
		return NULL;
	}
	memory = map_memory(path, kind, phys, room);
	if (!memory)
		return NULL;
	dev = &vg->devices[vg->n_devices++];
	*dev = (struct vmgenc_device){
		.vg = vg,
		.firmware = firmware,
		.kind = kind,
		.phys = phys,
		.memory = memory,
	};
	strscpy(dev->path, path, sizeof(dev->path));
	strscpy(dev->hid, hid, sizeof(dev->hid));
	return dev;
}

/* Returns: whether a device provides an ID. */
static bool choose(struct vmgenc *vg)
{
	unsigned int i;

	for (i = 0; i < vg->n_devices; i++) {
		vg->device = &vg->devices[i];
		if (vmgenc_id_valid(vmgenc_device_sample(vg->device)))
			return true;
	}
	vg->device = &vg->devices[0];
	return false;
}

static void name_devices(const struct vmgenc *vg)
{
	const struct vmgenc_device *dev;

	for (dev = vg->devices; dev < vg->devices + vg->n_devices; dev++)
		if (dev != vg->device)
			pr_info("%s: %s %s is used\n", dev->path,
				vmgenc_id_valid(vmgenc_device_sample(dev)) ?
				"one device is enough," : "it provides no ID,", vg->device->path);
	if (vg->device->kind->counts)
		pr_notice("%s: a VMClock counts the restores of this machine, but there is no ID: a clone that is made while the machine is off cannot be detected\n",
			  vg->device->path);
}

/*
 * Asks each firmware, until a device provides an ID; NULL ends them.
 *
 * Returns: 0; -ENODEV: this machine has no usable device. The messages before
 * it say why.
 */
int vmgenc_device_find(struct vmgenc *vg,
		       const struct vmgenc_firmware * const *firmware)
{
	for (; *firmware && !choose(vg); firmware++)
		(*firmware)->find(vg, *firmware);
	choose(vg);
	if (vg->n_devices) {
		name_devices(vg);
		return 0;
	}
	pr_notice("no usable generation ID device: have the host provide one, as vmgenctl check and vmgen-hypervisors(7) tell\n");
	return -ENODEV;
}

void vmgenc_device_unmap(struct vmgenc *vg)
{
	struct vmgenc_device *dev;

	while (vg->n_devices) {
		dev = &vg->devices[--vg->n_devices];
		put_device(dev->parent);
		memunmap((void *)dev->memory);
	}
}

/*
 * After the host's notification, where it may be waited: others may have
 * detected the change before it arrived, so this compares the counts. A VMClock
 * notifies of all that it shows, and a device that is not in use of what the
 * other one is about.
 */
void vmgenc_device_notified(struct vmgenc_device *dev)
{
	struct vmgenc *vg = dev->vg;
	u64 settled;

	if (dev != READ_ONCE(vg->device) || dev->kind->counts)
		return;
	kthread_flush_work(&vg->settle);
	spin_lock(&vg->lock);
	settled = vg->n_settled;
	spin_unlock(&vg->lock);
	if (xchg(&vg->n_notified, settled) == settled)
		atomic64_inc(&vg->spurious_notifies);
}

/*
 * Not by the kernel's vmfork notifiers. Only the in-tree driver calls them, which hears by
 * ACPI's Notify or by a device tree's interrupt that it shares: this module listens to both
 * itself, and where it cannot, that driver cannot either. With a device tree it calls them
 * in the interrupt, where they take a lock that sleeps as soon as anybody has registered.
 */
int vmgenc_device_listen(struct vmgenc *vg)
{
	struct vmgenc_device *dev;
	int err;

	for (dev = vg->devices; dev < vg->devices + vg->n_devices; dev++) {
		err = dev->firmware->listen(dev);
		if (err)
			goto err_listen;
		if (dev->kind->notifies && !dev->kind->notifies(dev->memory))
			dev->notifies = false;
	}
	/* Of a change between the first look and now. */
	vmgenc_notice(vg, VMGENID_SOURCE_RECHECK);
	return 0;

err_listen:
	while (dev-- > vg->devices)
		dev->firmware->ignore(dev);
	return err;
}

/* After this no trigger is running any more. */
void vmgenc_device_ignore(struct vmgenc *vg)
{
	unsigned int i;

	for (i = 0; i < vg->n_devices; i++)
		vg->devices[i].firmware->ignore(&vg->devices[i]);
}
