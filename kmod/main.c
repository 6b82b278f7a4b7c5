// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * The Virtual Machine Generation ID changes when a virtual machine is cloned
 * or restored from a snapshot. This module detects that, reseeds the
 * kernel's random number generator, and tells every program.
 */
#include <linux/init.h>
#include <linux/module.h>
#include "vmgenc.h"

/*
 * Who may describe a device, in the order in which they are asked until there is one
 * that provides an ID: a VMClock has none.
 */
static const struct vmgenc_firmware * const firmware[] = {
#ifdef CONFIG_ACPI
	&vmgenc_acpi,
#endif
#ifdef CONFIG_OF
	&vmgenc_devicetree,
#endif
#ifdef CONFIG_ACPI
	&vmgenc_acpi_vmclock,
#endif
#ifdef CONFIG_OF
	&vmgenc_devicetree_vmclock,
#endif
	NULL
};

/*
 * Who hears of a new generation, in this order. generation.c does not name them
 * because they call it. What each announces with may not be there yet, or not
 * any more; its own file sees to that.
 */
static const struct vmgenc_listener * const listeners[] = {
	&vmgenc_sysgenid_listener,
	&vmgenc_chardev_listener,
	&vmgenc_timer_listener,
	NULL
};

/* -1: there is no timer yet. */
static struct vmgenc vmgenc = { .poll_ms = -1 };

static int __init vmgenc_init(void)
{
	int err;

	err = vmgenc_device_find(&vmgenc, firmware);
	if (err)
		return err;
	err = vmgenc_generation_init(&vmgenc, listeners);
	if (err)
		goto err_generation;
	err = vmgenc_device_listen(&vmgenc);
	if (err)
		goto err_listen;
	err = vmgenc_power_init(&vmgenc);
	if (err)
		goto err_power;
	err = vmgenc_timer_init(&vmgenc);
	if (err)
		goto err_timer;
	err = vmgenc_sysctl_init(&vmgenc);
	if (err)
		goto err_sysctl;
	/* Last: from here on a file may be open. */
	err = vmgenc_chardev_init(&vmgenc);
	if (err)
		goto err_chardev;
	vmgenc_sysgenid_init(&vmgenc);
	return 0;

err_chardev:
	vmgenc_sysctl_exit(&vmgenc);
err_sysctl:
	vmgenc_timer_exit(&vmgenc);
err_timer:
	vmgenc_power_exit(&vmgenc);
err_power:
	vmgenc_device_ignore(&vmgenc);
err_listen:
	vmgenc_generation_exit(&vmgenc);
err_generation:
	vmgenc_device_unmap(&vmgenc);
	return err;
}

static void __exit vmgenc_exit(void)
{
	vmgenc_sysgenid_exit(&vmgenc);
	vmgenc_chardev_exit(&vmgenc);
	vmgenc_sysctl_exit(&vmgenc);
	vmgenc_timer_exit(&vmgenc);
	vmgenc_power_exit(&vmgenc);
	vmgenc_device_ignore(&vmgenc);
	vmgenc_generation_exit(&vmgenc);
	vmgenc_device_unmap(&vmgenc);
}

module_init(vmgenc_init);
module_exit(vmgenc_exit);

/* Not a device table: before 5.18 an entry of one held 8 characters only. */
MODULE_ALIAS("acpi*:VM_GEN_COUNTER:*");
MODULE_ALIAS("acpi*:VMGENCTR:*");
MODULE_ALIAS("acpi*:AMZNC10C:*");
MODULE_ALIAS("acpi*:VMCLOCK:*");
MODULE_DESCRIPTION("Virtual Machine Generation ID for user space");
MODULE_AUTHOR("the vmgen authors");
MODULE_LICENSE("GPL");
