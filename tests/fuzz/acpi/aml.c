/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <string.h>

#include "aml.h"

/* ACPI 6.5, 20.2.3: what the first byte of data says. */
enum {
	AML_ZERO	= 0x00,
	AML_NAME	= 0x08,
	AML_BYTE	= 0x0a,
	AML_STRING	= 0x0d,
	AML_QWORD	= 0x0e,
};

/* ACPI 6.5, 5.2.6: where in the header of a table. */
enum { AT_LENGTH = 4, AT_CHECKSUM = 9 };

static void put(struct aml *aml, const void *bytes, size_t size)
{
	if (size > sizeof(aml->bytes) - aml->size) {
		aml->full = true;
		return;
	}
	memcpy(aml->bytes + aml->size, bytes, size);
	aml->size += size;
}

/* Revision 2: its integers have 64 bits. */
void aml_begin(struct aml *aml)
{
	static const char header[AML_HEADER] = "SSDT\0\0\0\0\2\0VMGEN FUZZ\0\0\0\0\1\0\0\0FUZZ\1";

	aml->size = 0;
	aml->full = false;
	aml->wild = false;
	put(aml, header, sizeof(header));
}

void aml_byte(struct aml *aml, uint8_t byte)
{
	put(aml, &byte, 1);
}

void aml_bytes(struct aml *aml, const void *bytes, size_t size)
{
	put(aml, bytes, size);
}

void aml_name(struct aml *aml, const char *name)
{
	put(aml, name, strlen(name));
}

void aml_integer(struct aml *aml, uint64_t value)
{
	uint8_t size = value > UINT8_MAX ? sizeof(value) : 1;

	if (value < 2) {
		aml_byte(aml, (uint8_t)value);
		return;
	}
	aml_byte(aml, size == 1 ? AML_BYTE : AML_QWORD);
	while (size--) {
		aml_byte(aml, (uint8_t)value);
		value >>= 8;
	}
}

void aml_string(struct aml *aml, const char *string)
{
	aml_byte(aml, AML_STRING);
	put(aml, string, strlen(string) + 1);
}

void aml_buffer(struct aml *aml, const void *bytes, size_t size)
{
	size_t start = aml_open(aml, "\x11");

	aml_integer(aml, size);
	put(aml, bytes, size);
	aml_close(aml, start);
}

/* ACPI 6.5, 20.2.4: three bytes of length, for any length. */
size_t aml_open(struct aml *aml, const char *opcode)
{
	put(aml, opcode, strlen(opcode));
	put(aml, "\x80\0", 3);
	return aml->size - 3;
}

void aml_close(struct aml *aml, size_t start)
{
	size_t length = aml->size - start;

	if (aml->full)
		return;
	aml->bytes[start] = 0x80 | (length & 0x0f);
	aml->bytes[start + 1] = (uint8_t)(length >> 4);
	aml->bytes[start + 2] = (uint8_t)(length >> 12);
}

size_t aml_device(struct aml *aml, const char *name)
{
	size_t start = aml_open(aml, "\x5b\x82");

	aml_name(aml, name);
	return start;
}

size_t aml_method(struct aml *aml, const char *name, uint8_t flags)
{
	size_t start = aml_open(aml, "\x14");

	aml_name(aml, name);
	aml_byte(aml, flags);
	return start;
}

size_t aml_package(struct aml *aml, uint8_t count)
{
	size_t start = aml_open(aml, "\x12");

	aml_byte(aml, count);
	return start;
}

void aml_addr(struct aml *aml, uint64_t phys)
{
	size_t package;

	aml_name(aml, "\x08" "ADDR");
	package = aml_package(aml, 2);
	aml_integer(aml, phys & UINT32_MAX);
	aml_integer(aml, phys >> 32);
	aml_close(aml, package);
}

/* ACPI 6.5, 6.4.3.5.1: one range, both of whose ends are fixed. */
void aml_memory(struct aml *aml, uint64_t phys, uint64_t size)
{
	uint8_t bytes[48] = { 0x8a, 0x2b, 0, 0, 0x0d, 0x01, [46] = 0x79 };
	const uint64_t values[] = { 0, phys, phys + size - 1, 0, size };

	memcpy(bytes + 6, values, sizeof(values));
	aml_name(aml, "\x08_CRS");
	aml_buffer(aml, bytes, sizeof(bytes));
}

void aml_seal(uint8_t *table, size_t size)
{
	uint8_t sum = 0;
	size_t i;

	for (i = 0; i < 4; i++)
		table[AT_LENGTH + i] = (uint8_t)(size >> 8 * i);
	table[AT_CHECKSUM] = 0;
	for (i = 0; i < size; i++)
		sum = (uint8_t)(sum + table[i]);
	table[AT_CHECKSUM] = (uint8_t)-sum;
}
