// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * A machine that was cloned while it slept gets no Notify when it wakes: the
 * event was raised in a machine whose ACPI was switched off. So the ID is
 * looked at during the wake-up itself, before user space is thawed.
 */
#include <linux/ioport.h>
#include <linux/notifier.h>
#include <linux/suspend.h>
#include <linux/syscore_ops.h>
#include "vmgenc.h"

/* The last CPU, interrupts off: the worker is the next to run on it. */
static void handle_wake(void *data)
{
	struct vmgenc *vg = data;

	if (READ_ONCE(vg->hibernating))
		vmgenc_distrust(vg, VMGENID_SOURCE_RESUME);
	else
		vmgenc_notice(vg, VMGENID_SOURCE_RESUME);
}

static const struct syscore_ops vmgenc_syscore_ops = {
	.resume = handle_wake,
};

/* A restored image believes that it is still hibernating. */
static int handle_pm(struct notifier_block *nb, unsigned long action,
		     void *data)
{
	struct vmgenc *vg = container_of(nb, struct vmgenc, pm);

	switch (action) {
	case PM_HIBERNATION_PREPARE:
		WRITE_ONCE(vg->hibernating, true);
		break;
	case PM_POST_HIBERNATION:
		WRITE_ONCE(vg->hibernating, false);
		break;
	case PM_POST_SUSPEND:
		/* Suspend to idle stops no CPU, so handle_wake() did not run. */
		vmgenc_notice(vg, VMGENID_SOURCE_RESUME);
		break;
	}
	return NOTIFY_DONE;
}

/*
 * Linux saves memory of this type before it hibernates and writes it back
 * afterwards, over what the host has written there meanwhile (kernel parameter
 * acpi_sleep=nonvs).
 */
static bool is_nvs(phys_addr_t phys)
{
	return region_intersects(phys, VMGENID_ID_SIZE, IORESOURCE_MEM,
				 IORES_DESC_ACPI_NV_STORAGE) != REGION_DISJOINT;
}

int vmgenc_power_init(struct vmgenc *vg)
{
	unsigned int i;
	int err;

	for (i = 0; i < vg->n_devices; i++)
		vg->devices[i].nvs = is_nvs(vg->devices[i].phys);
	vg->pm.notifier_call = handle_pm;
	err = register_pm_notifier(&vg->pm);
	if (err)
		return err;
	vg->syscore.ops = &vmgenc_syscore_ops;
	vg->syscore.data = vg;
	register_syscore(&vg->syscore);
	return 0;
}

void vmgenc_power_exit(struct vmgenc *vg)
{
	unregister_syscore(&vg->syscore);
	unregister_pm_notifier(&vg->pm);
}
