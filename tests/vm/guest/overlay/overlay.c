// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) the vmgen authors
 *
 * Loads an ACPI table, and unloads it again when it is unloaded itself, as root can by
 * configfs where a kernel has CONFIG_ACPI_CONFIGFS.
 */
#include <linux/acpi.h>
#include <linux/module.h>

static u8 aml[1024] __aligned(8);
static unsigned int n_aml;
module_param_array(aml, byte, &n_aml, 0);
MODULE_PARM_DESC(aml, "The table, byte by byte");

static u32 table;

static int __init overlay_init(void)
{
	acpi_status status;

	if (n_aml < sizeof(struct acpi_table_header) ||
	    ((struct acpi_table_header *)aml)->length != n_aml)
		return -EINVAL;
	status = acpi_load_table((struct acpi_table_header *)aml, &table);
	return ACPI_SUCCESS(status) ? 0 : -ENODEV;
}

static void __exit overlay_exit(void)
{
	acpi_unload_table(table);
}

module_init(overlay_init);
module_exit(overlay_exit);

MODULE_DESCRIPTION("Loads an ACPI table of a test");
MODULE_AUTHOR("the vmgen authors");
MODULE_LICENSE("GPL");
