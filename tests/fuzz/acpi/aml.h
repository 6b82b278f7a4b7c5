/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Writes ACPI tables byte by byte (ACPI 6.5, 20), because iasl would refuse most of
 * those that the fuzzers want.
 */
#ifndef AML_H
#define AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AML_HEADER = 36, AML_ROOM = 0x4000 };

struct aml {
	uint8_t bytes[AML_ROOM];
	size_t size;
	/* More was asked for than there is room. */
	bool full;
	/* The interpreter may read it otherwise than it was written. */
	bool wild;
};

void aml_begin(struct aml *aml);
void aml_byte(struct aml *aml, uint8_t byte);
void aml_bytes(struct aml *aml, const void *bytes, size_t size);
/* A name as it is in AML: four letters, or "\\", prefixes and several of them. */
void aml_name(struct aml *aml, const char *name);
void aml_integer(struct aml *aml, uint64_t value);
void aml_string(struct aml *aml, const char *string);
void aml_buffer(struct aml *aml, const void *bytes, size_t size);

/* What has a length: aml_close() takes what aml_open() returned. */
size_t aml_open(struct aml *aml, const char *opcode);
void aml_close(struct aml *aml, size_t start);
size_t aml_device(struct aml *aml, const char *name);
size_t aml_method(struct aml *aml, const char *name, uint8_t flags);
size_t aml_package(struct aml *aml, uint8_t count);

/* Name (ADDR, ...) and Name (_CRS, ...) of a device whose memory is there. */
void aml_addr(struct aml *aml, uint64_t phys);
void aml_memory(struct aml *aml, uint64_t phys, uint64_t size);

/* Gives the table the length and the checksum that it needs to be loaded at all. */
void aml_seal(uint8_t *table, size_t size);

#endif /* AML_H */
