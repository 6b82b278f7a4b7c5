/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Devices whose _HID, _CID, _STA, ADDR and _CRS are anything. Where it is known what ACPICA
 * makes of them, the module's verdict is compared with a plainer one.
 *
 * Input: decisions, see make_device() and object.c.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "aml.h"
#include "bound.h"
#include "judge.h"
#include "object.h"
#include "source.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEVICES = 6, STEPS = 5000, GOOD = 0x0ffe0000, ID_SIZE = 16 };

/* QEMU's map, as far as it matters. */
static const char iomem[] =
	"00001000-0009fbff : System RAM\n"
	"00100000-0ffdffff : System RAM\n"
	"0ffe0000-0fffffff : Reserved\n";
static const struct judge_range ranges[] = {
	{ 0x1000, 0x9fbff, true }, { 0x100000, 0xffdffff, true },
};

/* What is not known depends on what ACPICA makes of nonsense. */
enum verdict { NO, YES, UNKNOWN };

struct device {
	char path[16];
	enum verdict named;
	enum verdict present;
	struct object addr;
};

static enum verdict is_named(struct object object)
{
	if (object.type == OBJECT_STRING && object.string && object.string[0] != '*')
		return !strcasecmp(object.string, "VMGENCTR") ||
		       !strcasecmp(object.string, "VM_Gen_Counter");
	return object.type == OBJECT_INTEGER || object.type == OBJECT_NONE ? NO : UNKNOWN;
}

static enum verdict is_present(struct object object)
{
	if (object.type == OBJECT_INTEGER)
		return object.value & 1;
	return object.type == OBJECT_NONE ? YES : UNKNOWN;
}

static struct object make_string(struct source *source, struct aml *table, const char *name,
				 const char *string)
{
	if (source_below(source, 2))
		return object_make(source, table, name);
	aml_byte(table, 0x08);
	aml_name(table, name);
	aml_string(table, string);
	return (struct object){ .type = OBJECT_STRING, .string = string };
}

static struct object make_addr(struct source *source, struct aml *table)
{
	if (source_below(source, 4))
		return object_make(source, table, "ADDR");
	aml_addr(table, GOOD);
	return (struct object){
		.type = OBJECT_PACKAGE, .count = 2,
		.half = { { OBJECT_INTEGER, GOOD }, { OBJECT_INTEGER, 0 } },
	};
}

static void make_device(struct source *source, struct aml *table, struct device *device)
{
	enum verdict hid, cid;
	size_t start;

	start = aml_device(table, "\\\x2e_SB_");
	aml_name(table, device->path + strlen("\\_SB_."));
	hid = is_named(make_string(source, table, "_HID", "VMGENCTR"));
	cid = is_named(make_string(source, table, "_CID", "VM_Gen_Counter"));
	device->named = hid == YES || cid == YES ? YES :
			hid == NO && cid == NO ? NO : UNKNOWN;
	device->present = source_below(source, 2) ?
			  is_present(object_make(source, table, "_STA")) : YES;
	device->addr = make_addr(source, table);
	if (source_below(source, 4) == 3)
		object_make(source, table, "_CRS");
	aml_close(table, start);
}

/* Returns: what is wrong with ADDR, as the module says it; "": nothing; NULL: not known. */
static const char *judge_addr(const struct object *addr)
{
	if (addr->type == OBJECT_UNKNOWN)
		return NULL;
	if (addr->type == OBJECT_NONE)
		return "ADDR is missing or fails";
	if (addr->type != OBJECT_PACKAGE)
		return "ADDR does not return a package";
	if (addr->count != 2)
		return "ADDR does not return two elements";
	if (addr->half[0].type == OBJECT_UNKNOWN || addr->half[1].type == OBJECT_UNKNOWN)
		return NULL;
	if (addr->half[0].type != OBJECT_INTEGER || addr->half[1].type != OBJECT_INTEGER)
		return "ADDR does not return integers";
	if (addr->half[0].value >> 32 || addr->half[1].value >> 32)
		return "ADDR returns an integer of more than 32 bits";
	return "";
}

static void compare(const struct device *device, const struct judge_finding *finding,
		    unsigned int phys_bits)
{
	const struct judge_offer *offer = judge_find(finding, device->path, false);
	const char *wrong = judge_addr(&device->addr);
	uint64_t phys;
	bool good;

	judge_demand(!offer || (device->named != NO && device->present != NO),
		     "what is no device, or not there, is looked at");
	judge_demand(offer || device->named != YES || device->present != YES,
		     "a device is not seen");
	if (!offer || !wrong || device->present != YES)
		return;
	judge_demand(!strcmp(offer->wrong, wrong), "not what is wrong with ADDR");
	if (*wrong)
		return;
	phys = device->addr.half[0].value | device->addr.half[1].value << 32;
	good = judge_address(phys, ID_SIZE, phys_bits, ranges, sizeof(ranges) / sizeof(ranges[0]));
	judge_demand(offer->phys == phys, "an address is not what ADDR says");
	judge_demand(good || !offer->used, "an address is used that must not be");
	judge_demand(!good || offer->used || finding->n_used == JUDGE_DEVICES,
		     "an address is refused that is good");
}

/* Without memory nothing is known, but nothing may be left either. */
struct shortage {
	unsigned long good;
	unsigned long bad;
};

static void make_scarce(void *context)
{
	const struct shortage *shortage = context;

	bound_memory(shortage->good, shortage->bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source source = { data, data + size };
	static struct judge_finding finding;
	struct device devices[DEVICES];
	struct machine machine = { .iomem = iomem, .n_tables = 1, .phys_bits = 40,
				   .budget = LONG_MAX };
	unsigned int i, n = 1 + source_below(&source, DEVICES);
	struct shortage shortage = { 0, 0 };
	static struct aml table;

	if (source_below(&source, 4) == 3)
		shortage = (struct shortage){ source_byte(&source), 1 + source_below(&source, 8) };
	aml_begin(&table);
	object_begin(&table);
	for (i = 0; i < n; i++) {
		snprintf(devices[i].path, sizeof(devices[i].path), "\\_SB_.DEV%u", i);
		make_device(&source, &table, &devices[i]);
	}
	if (table.full)
		return 0;
	aml_seal(table.bytes, table.size);
	machine.tables = &(struct machine_table){ table.bytes, table.size };
	machine.context = &shortage;
	bound_steps(STEPS);
	judge_machine(&machine, make_scarce, &finding);
	if (bound_reached() || table.wild)
		return 0;
	judge_demand(finding.started, "a machine does not start");
	for (i = 0; i < n; i++)
		compare(&devices[i], &finding, machine.phys_bits);
	return 0;
}
