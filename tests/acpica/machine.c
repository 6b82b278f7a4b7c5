// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Starts ACPICA in the order of the kernel, and loads the module as kmod/main.c does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpica-version.h"
#include "generation.h"
#include "machine.h"
#include "memory.h"
#include "osl.h"
#include "tables.h"

/* kmod/main.c, on a machine without a device tree. */
static const struct vmgenc_firmware * const firmware[] = {
	&vmgenc_acpi,
	&vmgenc_acpi_vmclock,
	NULL
};

static struct vmgenc vmgenc;
static bool listening;
/* Tables that were loaded later, which ACPICA uses where they are. */
static void *loaded[8];
static unsigned int n_loaded;

/*
 * drivers/acpi/bus.c: acpi_early_init() and acpi_bus_init(), of which the first enables the
 * hardware and the second does all else.
 */
static acpi_status start_acpica(void)
{
	acpi_status status = acpi_initialize_subsystem();

	if (ACPI_SUCCESS(status))
		status = acpi_initialize_tables(NULL, 128, FALSE);
	if (ACPI_SUCCESS(status))
		status = acpi_enable_subsystem(~ACPI_NO_ACPI_ENABLE);
	/* What is wrong with one table does not stop the others. */
	if (ACPI_SUCCESS(status))
		acpi_load_tables();
	if (ACPI_SUCCESS(status))
		status = acpi_enable_subsystem(ACPI_NO_ACPI_ENABLE);
	if (ACPI_SUCCESS(status))
		status = acpi_initialize_objects(ACPI_FULL_INITIALIZATION);
	/* drivers/acpi/scan.c, after all devices were found. */
	if (ACPI_SUCCESS(status))
		status = acpi_update_all_gpes();
	return status;
}

int machine_start(const struct machine *machine)
{
	int err = memory_start(machine->iomem, machine->phys_bits ? machine->phys_bits : 40);

	if (!err)
		err = tables_write(machine);
	if (err)
		return err;
	osl_start(machine->budget, machine->acpica_log, machine->context);
	kernel_start(machine);
	memset(&vmgenc, 0, sizeof(vmgenc));
	listening = false;
	if (ACPI_SUCCESS(start_acpica()))
		return 0;
	machine_stop();
	return -ENODEV;
}

void machine_stop(void)
{
	osl_unbound();
	acpi_terminate();
	while (n_loaded)
		free(loaded[--n_loaded]);
	if (memory_maps()) {
		fprintf(stderr, "%lu mappings are left\n", memory_maps());
		abort();
	}
	memory_stop();
}

int machine_find(void)
{
	int err = vmgenc_device_find(&vmgenc, firmware);

	if (!err)
		generation_start(&vmgenc);
	return err;
}

int machine_listen(void)
{
	int err = vmgenc_device_listen(&vmgenc);

	listening = !err;
	return err;
}

void machine_release(void)
{
	if (listening)
		vmgenc_device_ignore(&vmgenc);
	listening = false;
	vmgenc_device_unmap(&vmgenc);
}

void machine_raise_gpe(unsigned int gpe)
{
	port_raise_gpe(gpe);
	osl_interrupt();
}

void machine_settle(void)
{
	acpi_os_wait_events_complete();
	if (vmgenc.settle.func)
		kthread_flush_work(&vmgenc.settle);
}

int machine_evaluate(const char *path, const uint64_t *argument)
{
	union acpi_object integer = { .integer = { ACPI_TYPE_INTEGER, argument ? *argument : 0 } };
	struct acpi_object_list arguments = { 1, &integer };

	return ACPI_SUCCESS(acpi_evaluate_object(NULL, (char *)path, argument ? &arguments : NULL,
						 NULL)) ? 0 : -ENODEV;
}

/* What configfs does: drivers/acpi/acpi_configfs.c. */
int machine_load(const struct machine_table *table, uint32_t *ret_index)
{
	void *copy;

	if (!tables_valid(table) || n_loaded == sizeof(loaded) / sizeof(*loaded))
		return -EINVAL;
	copy = malloc(table->size);
	if (!copy)
		return -ENOMEM;
	loaded[n_loaded++] = copy;
	memcpy(copy, table->data, table->size);
	return ACPI_SUCCESS(acpi_load_table(copy, ret_index)) ? 0 : -ENODEV;
}

int machine_unload(uint32_t index)
{
	return ACPI_SUCCESS(acpi_unload_table(index)) ? 0 : -ENODEV;
}

unsigned int machine_devices(void)
{
	return vmgenc.n_devices;
}

const char *machine_device(void)
{
	return vmgenc.n_devices ? vmgenc.device->path : NULL;
}

uint64_t machine_address(void)
{
	return vmgenc.n_devices ? vmgenc.device->phys : 0;
}

bool machine_notifies(void)
{
	return vmgenc.n_devices && READ_ONCE(vmgenc.device->notifies);
}

void machine_id(uint8_t ret_id[16])
{
	struct vmgenc_id id = vmgenc_sample(&vmgenc);

	memcpy(ret_id, id.half, sizeof(id.half));
}

const char *machine_version(void)
{
	return ACPICA_VERSION;
}
