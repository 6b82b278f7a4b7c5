// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * RSDP, XSDT, FADT, FACS and DSDT of a PC as small as one can be. Each table begins a page.
 */
#include <errno.h>
#include <string.h>

#include <acpi/acpi.h>

#include "memory.h"
#include "tables.h"

/* As many as the kernel has room for before it can allocate: ACPI_MAX_TABLES. */
enum { MAX_TABLES = 128, PAGE = 4096 };

static uint64_t next;

static uint8_t sum(const void *data, size_t size)
{
	const uint8_t *byte = data, *end = byte + size;
	uint8_t all = 0;

	while (byte < end)
		all += *byte++;
	return all;
}

static uint64_t add(const void *data, size_t size)
{
	uint64_t at = next;

	machine_write(at, data, size);
	next += (size + PAGE - 1) / PAGE * PAGE;
	return at;
}

bool tables_valid(const struct machine_table *table)
{
	struct acpi_table_header header;

	if (table->size < sizeof(header))
		return false;
	memcpy(&header, table->data, sizeof(header));
	return header.length == table->size;
}

uint64_t tables_add(const struct machine_table *table)
{
	return add(table->data, table->size);
}

static bool has_signature(const struct machine_table *table, const char *signature)
{
	return tables_valid(table) && !memcmp(table->data, signature, ACPI_NAMESEG_SIZE);
}

static void seal(struct acpi_table_header *header, const char *signature, uint32_t length,
		 uint8_t revision)
{
	memcpy(header->signature, signature, ACPI_NAMESEG_SIZE);
	header->length = length;
	header->revision = revision;
	memcpy(header->oem_id, "VMGEN ", ACPI_OEM_ID_SIZE);
	memcpy(header->oem_table_id, "MACHINE ", ACPI_OEM_TABLE_ID_SIZE);
	memcpy(header->asl_compiler_id, "VMGE", ACPI_NAMESEG_SIZE);
	header->checksum = 0;
	header->checksum = -sum(header, length);
}

static uint64_t add_dsdt(const struct machine *machine)
{
	struct acpi_table_header dsdt = { .length = 0 };
	unsigned int i;

	for (i = 0; i < machine->n_tables; i++)
		if (has_signature(&machine->tables[i], ACPI_SIG_DSDT))
			return tables_add(&machine->tables[i]);
	seal(&dsdt, ACPI_SIG_DSDT, sizeof(dsdt), machine->revision ? machine->revision : 2);
	return add(&dsdt, sizeof(dsdt));
}

static uint64_t add_facs(void)
{
	struct acpi_table_facs facs = { .length = sizeof(facs), .version = 2 };

	memcpy(facs.signature, ACPI_SIG_FACS, ACPI_NAMESEG_SIZE);
	return add(&facs, sizeof(facs));
}

static struct acpi_generic_address port(uint16_t at, unsigned int bytes)
{
	return (struct acpi_generic_address){
		.space_id = ACPI_ADR_SPACE_SYSTEM_IO,
		.bit_width = bytes * 8,
		.address = at,
	};
}

static uint64_t add_fadt(const struct machine *machine)
{
	struct acpi_table_fadt fadt = {
		.sci_interrupt = 9,
		.pm1a_event_block = PORT_PM1_EVENT,
		.pm1a_control_block = PORT_PM1_CONTROL,
		.pm_timer_block = PORT_PM_TIMER,
		.gpe0_block = PORT_GPE0,
		.pm1_event_length = 4,
		.pm1_control_length = 2,
		.pm_timer_length = 4,
		.gpe0_block_length = 2 * MACHINE_GPES / 8,
		.xpm1a_event_block = port(PORT_PM1_EVENT, 4),
		.xpm1a_control_block = port(PORT_PM1_CONTROL, 2),
		.xpm_timer_block = port(PORT_PM_TIMER, 4),
		.xgpe0_block = port(PORT_GPE0, 2 * MACHINE_GPES / 8),
		.flags = ACPI_FADT_WBINVD | ACPI_FADT_POWER_BUTTON | ACPI_FADT_SLEEP_BUTTON,
	};

	if (machine->reduced)
		fadt = (struct acpi_table_fadt){ .flags = ACPI_FADT_HW_REDUCED };
	else
		fadt.Xfacs = add_facs();
	fadt.Xdsdt = add_dsdt(machine);
	seal(&fadt.header, ACPI_SIG_FADT, sizeof(fadt), 6);
	return add(&fadt, sizeof(fadt));
}

static void write_root(uint64_t xsdt)
{
	struct acpi_table_rsdp rsdp = {
		.signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		.oem_id = { 'V', 'M', 'G', 'E', 'N', ' ' },
		.revision = 2,
		.length = sizeof(rsdp),
		.xsdt_physical_address = xsdt,
	};

	rsdp.checksum = -sum(&rsdp, ACPI_RSDP_CHECKSUM_LENGTH);
	rsdp.extended_checksum = -sum(&rsdp, sizeof(rsdp));
	machine_write(MEMORY_TABLES, &rsdp, sizeof(rsdp));
}

int tables_write(const struct machine *machine)
{
	struct {
		struct acpi_table_header header;
		uint64_t entries[MAX_TABLES];
	} __attribute__((packed)) xsdt = { .entries = { 0 } };
	unsigned int i, n = 0;

	if (machine->n_tables >= MAX_TABLES)
		return -EINVAL;
	next = MEMORY_TABLES + PAGE;
	xsdt.entries[n++] = add_fadt(machine);
	for (i = 0; i < machine->n_tables; i++)
		if (tables_valid(&machine->tables[i]) &&
		    !has_signature(&machine->tables[i], ACPI_SIG_DSDT) &&
		    !has_signature(&machine->tables[i], ACPI_SIG_FADT))
			xsdt.entries[n++] = tables_add(&machine->tables[i]);
	seal(&xsdt.header, ACPI_SIG_XSDT, sizeof(xsdt.header) + n * sizeof(*xsdt.entries), 1);
	write_root(add(&xsdt, sizeof(xsdt)));
	return 0;
}
