/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Addresses against a random memory map: an ID is used where it may lie, and nowhere else.
 *
 * Input: bits of the CPU's addresses, devices, ranges of the map; for each range its kind,
 * the gap before it and its size; for each device what its address is near to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "aml.h"
#include "bound.h"
#include "judge.h"
#include "source.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RANGES = 8, DEVICES = 7, ID_SIZE = 16, CLOCK_SIZE = 0x70, STEPS = 5000 };

static const char * const kinds[] = {
	"System RAM", "Reserved", "ACPI Non-volatile Storage", "ACPI Tables", "PCI Bus 0000:00",
};

struct device {
	char path[16];
	bool is_clock;
	uint64_t phys;
};

struct place {
	unsigned int phys_bits;
	unsigned int n_ranges;
	struct judge_range ranges[RANGES];
	char iomem[RANGES * 80];
	unsigned int n_devices;
	struct device devices[DEVICES];
};

/* As the kernel lists them: in order, none within another. */
static void make_ranges(struct source *source, struct place *place)
{
	unsigned int n = source_below(source, RANGES + 1);
	uint64_t gap, size, next = 0;
	struct judge_range *range;
	size_t length = 0;
	unsigned int kind;

	while (place->n_ranges < n) {
		kind = source_below(source, sizeof(kinds) / sizeof(kinds[0]));
		gap = source_number(source);
		size = source_number(source);
		/* One that ends with 0 is what those see who may not know addresses. */
		if (!size || gap > UINT64_MAX - next || size - 1 >= UINT64_MAX - next - gap ||
		    next + gap + size == 1)
			return;
		range = &place->ranges[place->n_ranges++];
		range->is_ram = kind == 0;
		range->first = next + gap;
		range->last = next + gap + size - 1;
		next = range->last + 1;
		length += (size_t)snprintf(place->iomem + length, sizeof(place->iomem) - length,
					   "%08" PRIx64 "-%08" PRIx64 " : %s\n", range->first,
					   range->last, kinds[kind]);
	}
}

/* Anywhere, or near to where something begins or ends. */
static uint64_t make_address(struct source *source, const struct place *place)
{
	unsigned int near = source_below(source, 5);
	uint64_t delta = (uint64_t)(int64_t)(int8_t)source_byte(source);
	const struct judge_range *range;

	if (near == 0)
		return source_number(source);
	if (near == 1)
		return delta;
	if (near == 2)
		return (UINT64_C(1) << place->phys_bits) + delta;
	if (!place->n_ranges)
		return (UINT64_C(1) << 32) + delta;
	range = &place->ranges[source_below(source, place->n_ranges)];
	return (near == 3 ? range->first : range->last) + delta;
}

/* A clock is what its memory holds, so nobody else's is in it. */
static bool is_apart(const struct place *place, unsigned int n)
{
	const struct device *other, *device = &place->devices[n];

	for (other = place->devices; other < device; other++)
		if ((device->is_clock || other->is_clock) &&
		    (device->phys - other->phys < CLOCK_SIZE ||
		     other->phys - device->phys < CLOCK_SIZE))
			return false;
	return true;
}

static void make_place(struct source *source, struct place *ret_place)
{
	struct device *device;

	*ret_place = (struct place){ .phys_bits = 32 + source_below(source, 20) };
	ret_place->n_devices = 1 + source_below(source, DEVICES);
	make_ranges(source, ret_place);
	for (unsigned int i = 0; i < ret_place->n_devices; i++) {
		device = &ret_place->devices[i];
		snprintf(device->path, sizeof(device->path), "\\_SB_.DEV%c", '0' + (char)i);
		device->is_clock = source_below(source, 4) == 3;
		device->phys = make_address(source, ret_place);
		if (!is_apart(ret_place, i)) {
			ret_place->n_devices = i;
			return;
		}
	}
}

static bool is_good(const struct place *place, const struct device *device)
{
	return judge_address(device->phys, device->is_clock ? CLOCK_SIZE : ID_SIZE,
			     place->phys_bits, place->ranges, place->n_ranges);
}

static void make_table(const struct place *place, struct aml *ret_table)
{
	const struct device *device;
	size_t start;

	aml_begin(ret_table);
	for (device = place->devices; device < place->devices + place->n_devices; device++) {
		start = aml_device(ret_table, "\\\x2e_SB_");
		aml_name(ret_table, device->path + strlen("\\_SB_."));
		aml_name(ret_table, "\x08_HID");
		aml_string(ret_table, device->is_clock ? "AMZNC10C" : "VMGENCTR");
		if (device->is_clock)
			aml_memory(ret_table, device->phys, CLOCK_SIZE);
		else
			aml_addr(ret_table, device->phys);
		aml_close(ret_table, start);
	}
	aml_seal(ret_table->bytes, ret_table->size);
}

/* Clocks that count restores, wherever they are. */
static void write_clocks(void *context)
{
	/* Magic, size, version and the flag. */
	static const uint8_t clock[CLOCK_SIZE] = {
		'V', 'C', 'L', 'K', CLOCK_SIZE, [8] = 1, [25] = 1,
	};
	const struct place *place = context;
	const struct device *device;

	for (device = place->devices; device < place->devices + place->n_devices; device++)
		if (device->is_clock && is_good(place, device))
			machine_write(device->phys, clock, sizeof(clock));
}

/* Such a range of _CRS is none. */
static bool wraps(const struct device *device)
{
	return device->is_clock && device->phys > UINT64_MAX - CLOCK_SIZE + 1;
}

/* More than four are a mistake, which the log tells of. IDs come first. */
static void compare(const struct place *place, const struct judge_finding *finding, bool clocks,
		    unsigned int *n_used)
{
	const struct judge_offer *offer;
	const struct device *device;
	bool good;

	for (device = place->devices; device < place->devices + place->n_devices; device++) {
		if (device->is_clock != clocks)
			continue;
		offer = judge_find(finding, device->path, clocks);
		judge_demand(offer, "a device is not seen");
		judge_demand(*offer->wrong ? wraps(device) : offer->phys == device->phys,
			     "an address is not what the table says");
		good = is_good(place, device);
		judge_demand(good || !offer->used, "an address is used that must not be");
		if (good && *n_used < JUDGE_DEVICES)
			judge_demand(offer->used, "an address is refused that is good");
		*n_used += good;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source source = { data, data + size };
	static struct judge_finding finding;
	unsigned int n_used = 0;
	struct place place;
	struct aml table;

	make_place(&source, &place);
	make_table(&place, &table);
	bound_steps(STEPS);
	judge_machine(&(struct machine){
		.iomem = place.iomem,
		.tables = &(struct machine_table){ table.bytes, table.size },
		.n_tables = 1,
		.phys_bits = place.phys_bits,
		.context = &place,
	}, write_clocks, &finding);
	judge_demand(finding.started, "a machine with a good table does not start");
	compare(&place, &finding, false, &n_used);
	compare(&place, &finding, true, &n_used);
	return 0;
}
