/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the tests of the module on ACPICA share: a machine with one compiled table of
 * tests/tables, the lines of the module's log, and the host's hand on the memory.
 */
#ifndef PLAYED_H
#define PLAYED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* Where tables/events.asl has its ID, and what its host leaves for it; twice.asl's clock. */
enum {
	ID_AT		= 0x0ffe0000,
	SECOND_AT	= 0x0ffe0010,
	PRESENT_AT	= 0x0ffe0100,
	ABOVE_AT	= 0x0ffe0104,
	KIND_AT		= 0x0ffe0108,
	SEEN_AT		= 0x0ffe010c,
	CLOCK_AT	= 0x0ffe1000,
};

struct played {
	char *tables[4];
	size_t sizes[4];
	char log[4096];
};

static inline void played_log(void *context, const char *line)
{
	struct played *played = context;
	size_t length = strlen(played->log);

	snprintf(played->log + length, sizeof(played->log) - length, "%s\n", line);
}

/* Ends the program where the build has no such table. */
static inline struct machine_table played_table(const char *name)
{
	const char *build = getenv("O");
	struct machine_table table;
	char path[512];
	char *data;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/tables/%s.aml", build ? build : "build", name);
	f = fopen(path, "rb");
	data = malloc(1 << 16);
	if (!f || !data) {
		printf("Bail out! %s: make acpica builds it\n", path);
		exit(1);
	}
	table.data = data;
	table.size = fread(data, 1, 1 << 16, f);
	fclose(f);
	return table;
}

static inline void put32(uint64_t phys, uint32_t value)
{
	machine_write(phys, &value, sizeof(value));
}

static inline uint32_t get32(uint64_t phys)
{
	uint32_t value;

	machine_read(phys, &value, sizeof(value));
	return value;
}

/* Another ID of 16 equal bytes; 0 is none. */
static inline void put_id(uint64_t phys, uint8_t byte)
{
	uint8_t id[16];

	memset(id, byte, sizeof(id));
	/* All ones are none either. */
	id[0] ^= byte ? 1 : 0;
	machine_write(phys, id, sizeof(id));
}

static inline bool is_id(const uint8_t id[16], uint8_t byte)
{
	return id[15] == byte && id[0] == (byte ? byte ^ 1 : 0);
}

#endif /* PLAYED_H */
