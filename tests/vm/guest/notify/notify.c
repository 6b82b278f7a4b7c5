// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Has the firmware send the Notify that a hypervisor would cause, where the
 * tests cannot raise its interrupt: each load evaluates the method that
 * tests/tables/reduced.asl and vmclock.asl have for that.
 */
#include <linux/acpi.h>
#include <linux/module.h>

static int __init notify_init(void)
{
	acpi_status status;

	status = acpi_evaluate_object(NULL, "\\_SB.VGEN.FIRE", NULL, NULL);
	return ACPI_SUCCESS(status) ? 0 : -ENODEV;
}

static void __exit notify_exit(void)
{
}

module_init(notify_init);
module_exit(notify_exit);

MODULE_DESCRIPTION("Sends the Notify of a test's ACPI table");
MODULE_AUTHOR("the vmgen authors");
MODULE_LICENSE("GPL");
