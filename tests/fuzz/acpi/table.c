/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Tables that are anything: what ACPICA makes of them, the module has to bear.
 *
 * Input: a table; its length and checksum are set right, or it would not be looked at.
 */
#include <limits.h>
#include <string.h>

#include "aml.h"
#include "bound.h"
#include "judge.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
				      unsigned int seed);
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { STEPS = 5000, TABLE_ROOM = 4096 };

static const char iomem[] =
	"00001000-0009fbff : System RAM\n"
	"00100000-0ffdffff : System RAM\n"
	"0ffe0000-0fffffff : Reserved\n";

static const char names[][5] = {
	"_HID", "_CID", "_STA", "_CRS", "ADDR", "_INI", "_UID", "_DDN", "FIRE", "_SB_", "VGEN",
	"VGIA", "_E05", "_L00", "_GPE", "_REG", "_PRS", "_DEP",
};

/* What has a place in a device. */
static const struct piece {
	const char *bytes;
	size_t size;
} pieces[] = {
#define PIECE(bytes) { bytes, sizeof(bytes) - 1 }
	PIECE("\x08_HID\x0dVMGENCTR\x00"),
	PIECE("\x08_CID\x0dVM_Gen_Counter\x00"),
	PIECE("\x08_HID\x0d" "AMZNC10C\x00"),
	PIECE("\x08" "ADDR\x12\x08\x02\x0c\x00\x00\xfe\x0f\x00"),
	PIECE("\x08_STA\x0a\x0f"),
	PIECE("\x5b\x82\x22VGX0\x08_HID\x0dVMGENCTR\x00\x08" "ADDR\x12\x08\x02\x0c\x00\x10\xfe\x0f\x00"),
	PIECE("\x14\x09_STA\x00\xa4\x0a\x0f"),
	PIECE("\x14\x0d" "FIRE\x00\x86^\x00\x0a\x80\xa3\xa3"),
	PIECE("\x14\x0d" "ADDR\x00\xa4\x12\x04\x02\x00\x00\xa3"),
	PIECE("\x11\x11\x0a\x0e\x86\x09\x00\x01\x00\x00\xfe\x0f\x00\x10\x00\x00\x79\x00"),
	PIECE("\x70\x60\x61"),
	PIECE("\xa4\x60"),
	PIECE("\x5b\x80REGX\x00\x0c\x00\x00\xfe\x0f\x0a\x40"),
#undef PIECE
};

static size_t below(unsigned int *seed, size_t bound)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % bound;
}

/* ACPI 6.5, 20.2.4. Returns: how many bytes; 0: it is none that fits. */
static size_t read_length(const uint8_t *at, size_t room, size_t *ret_length)
{
	size_t i, n = (at[0] >> 6) + 1U, length = n == 1 ? at[0] & 0x3f : at[0] & 0x0f;

	if (n > room)
		return 0;
	for (i = 1; i < n; i++)
		length |= (size_t)at[i] << (8 * i - 4);
	if (length < n || length > room)
		return 0;
	*ret_length = length;
	return n;
}

static bool write_length(uint8_t *at, size_t n, size_t length)
{
	size_t i;

	if (length >> (n == 1 ? 6 : 8 * n - 4))
		return false;
	at[0] = n == 1 ? (uint8_t)length : (uint8_t)((n - 1) << 6 | (length & 0x0f));
	for (i = 1; i < n; i++)
		at[i] = (uint8_t)(length >> (8 * i - 4));
	return true;
}

/* Scope, Buffer, Package, Method, If, Else, While; Field to ThermalZone. */
static bool has_length(const uint8_t *opcode)
{
	return strchr("\x10\x11\x12\x13\x14\xa0\xa1\xa2", opcode[0]) ? opcode[0] :
	       opcode[-1] == 0x5b && opcode[0] >= 0x81 && opcode[0] <= 0x87;
}

/* What looks as if the place were inside of it gets longer. */
static void stretch(uint8_t *data, size_t size, size_t place, size_t more)
{
	size_t i, n, length;

	for (i = AML_HEADER; i + 1 < place; i++) {
		if (!has_length(data + i))
			continue;
		n = read_length(data + i + 1, size - i - 1, &length);
		if (n && place > i + n && place <= i + 1 + length)
			write_length(data + i + 1, n, length + more);
	}
}

static size_t insert(uint8_t *data, size_t size, size_t max_size, size_t place,
		     const void *bytes, size_t n)
{
	if (n > max_size - size)
		return size;
	stretch(data, size, place, n);
	memmove(data + place + n, data + place, size - place);
	memcpy(data + place, bytes, n);
	return size + n;
}

/* A place after a name, or anywhere. */
static size_t choose(const uint8_t *data, size_t size, unsigned int *seed)
{
	size_t place = AML_HEADER + below(seed, size - AML_HEADER + 1);
	size_t i;

	for (i = place; i + 5 < size; i++)
		if (data[i] == 0x08 || !memcmp(data + i, "\x5b\x82", 2))
			return i;
	return place;
}

static size_t mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t i, n, from, place = choose(data, size, &seed);
	uint8_t copy[256];

	switch (below(&seed, 6)) {
	case 0: /* Another name where there is one. */
		for (i = place; i + 4 < size; i++)
			if (data[i] == '_' || (data[i] >= 'A' && data[i] <= 'Z'))
				break;
		if (i + 4 < size)
			memcpy(data + i, names[below(&seed, sizeof(names) / sizeof(names[0]))], 4);
		return size;
	case 1: /* A piece of a device. */
		i = below(&seed, sizeof(pieces) / sizeof(pieces[0]));
		return insert(data, size, max_size, place, pieces[i].bytes, pieces[i].size);
	case 2: /* A piece of this table, once more. */
		if (size <= AML_HEADER)
			return size;
		from = AML_HEADER + below(&seed, size - AML_HEADER);
		n = 1 + below(&seed, sizeof(copy));
		n = n < size - from ? n : size - from;
		memcpy(copy, data + from, n);
		return insert(data, size, max_size, place, copy, n);
	default:
		return AML_HEADER + LLVMFuzzerMutate(data + AML_HEADER, size - AML_HEADER,
						     max_size - AML_HEADER);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct aml header;

	if (max_size < AML_HEADER + 1)
		return size;
	if (size < AML_HEADER) {
		aml_begin(&header);
		memcpy(data, header.bytes, AML_HEADER);
		size = AML_HEADER;
	}
	size = mutate(data, size, max_size, seed);
	aml_seal(data, size);
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t table[TABLE_ROOM];
	struct judge_finding finding;

	if (size < AML_HEADER || size > sizeof(table))
		return -1;
	memcpy(table, data, size);
	/* Not a DSDT or FADT, which are the machine's. */
	memcpy(table, "SSDT", 4);
	aml_seal(table, size);
	bound_steps(STEPS);
	judge_machine(&(struct machine){
		.iomem = iomem,
		.tables = &(struct machine_table){ table, size },
		.n_tables = 1,
		/* 32 bits and 64, hardware-reduced or not: as the table's own revision says. */
		.revision = 1 + table[8] % 2,
		.reduced = table[8] & 4,
		.budget = LONG_MAX,
	}, NULL, &finding);
	return 0;
}
