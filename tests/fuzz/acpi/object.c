/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <stdbool.h>
#include <string.h>

#include "object.h"

enum { DEPTH = 12, STATEMENTS = 4, STRING_ROOM = 48, ELEMENTS = 9 };

static const char * const strings[] = {
	"VMGENCTR", "VM_Gen_Counter", "vm_gen_counter", "AMZNC10C", "VMCLOCK", "PNP0A08", "",
	"*VMGENCTR", "\x1b[2J\nVMGENCTR", "0x0FFE0000",
};

/* Below \_SB, all of types that are no data. */
static const char * const references[] = {
	"\\\x2e_SB_FEVT", "\\\x2e_SB_FMTX", "\\\x2e_SB_FREG", "\\\x2e_SB_FINT", "\\\x2e_SB_FPKG",
	"\\\x2e_SB_FMTH", "\\\x2e_SB_FPRC", "\\\x2e_SB_FPWR", "\\\x2e_SB_FTHR", "\\\x2e_SB_NONE",
	"\\\x2e_SB_FFLD", "\\_SB_",
};

void object_begin(struct aml *aml)
{
	static const char objects[] =
		"\x5b\x02" "FEVT" "\x5b\x01" "FMTX\x00"
		"\x5b\x80" "FREG\x00\x0c\x00\x00\xfe\x0f\x0a\x40"
		"\x5b\x81\x0b" "FREG\x00" "FFLD\x20"
		"\x08" "FINT\x0c\x00\x00\xfe\x0f"
		"\x08" "FPKG\x12\x08\x02\x0c\x00\x00\xfe\x0f\x00"
		"\x14\x08" "FMTH\x02\xa4\x69"
		"\x5b\x83\x0b" "FPRC\x01\x00\x00\xfe\x0f\x06"
		"\x5b\x84\x08" "FPWR\x00\xff\xff"
		"\x5b\x85\x05" "FTHR";
	size_t start = aml_open(aml, "\x10");

	aml_name(aml, "\\_SB_");
	aml_bytes(aml, objects, sizeof(objects) - 1);
	aml_close(aml, start);
}

static struct object make_number(struct source *source, struct aml *aml)
{
	struct object object = { .type = OBJECT_INTEGER };

	switch (source_below(source, 4)) {
	case 0:
		object.value = 0x0ffe0000;
		break;
	case 1:
		object.value = source_byte(source);
		break;
	case 2:
		object.value = source_number(source);
		break;
	default:
		object.value = UINT64_MAX;
		aml_byte(aml, 0xff);
		return object;
	}
	aml_integer(aml, object.value);
	return object;
}

static struct object make_string(struct source *source, struct aml *aml)
{
	unsigned int which = source_byte(source), n = sizeof(strings) / sizeof(strings[0]), size;

	if (which < 128) {
		aml_string(aml, strings[which % n]);
		return (struct object){ .type = OBJECT_STRING, .string = strings[which % n] };
	}
	aml_byte(aml, 0x0d);
	for (size = which % STRING_ROOM * 8; size > 0; size--)
		aml_byte(aml, source_byte(source) | 1);
	aml_byte(aml, 0);
	return (struct object){ .type = OBJECT_STRING };
}

static struct object make_buffer(struct source *source, struct aml *aml)
{
	unsigned int listed = source_below(source, 64), size = source_byte(source);
	size_t start = aml_open(aml, "\x11");

	aml_integer(aml, source_below(source, 2) ? size : listed);
	while (listed--)
		aml_byte(aml, source_byte(source));
	aml_close(aml, start);
	return (struct object){ .type = OBJECT_BUFFER };
}

static struct object make_value(struct source *source, struct aml *aml, unsigned int depth);

/* Of two elements mostly, because all others end early. */
static unsigned int make_count(struct source *source)
{
	unsigned int count = source_byte(source);

	return count < 128 ? 2 : count % ELEMENTS;
}

/* Elements that are not listed have no value; those that are listed beyond the count are cut. */
static struct object make_package(struct source *source, struct aml *aml, unsigned int depth)
{
	struct object element, object = { .type = OBJECT_PACKAGE };
	unsigned int i, listed = make_count(source);
	bool variable = source_below(source, 8) == 7, known = true;
	size_t start = aml_open(aml, variable ? "\x13" : "\x12");

	object.count = make_count(source);
	object.half[0].type = OBJECT_EMPTY;
	object.half[1].type = OBJECT_EMPTY;
	if (variable)
		aml_integer(aml, object.count);
	else
		aml_byte(aml, (uint8_t)object.count);
	for (i = 0; i < listed; i++) {
		element = make_value(source, aml, depth + 1);
		known &= element.type != OBJECT_UNKNOWN;
		if (i >= 2)
			continue;
		object.half[i].type = element.type;
		object.half[i].value = element.value;
	}
	aml_close(aml, start);
	if (variable || !known)
		object.type = OBJECT_UNKNOWN;
	return object;
}

static struct object make_value(struct source *source, struct aml *aml, unsigned int depth)
{
	unsigned int kind = source_below(source, depth < DEPTH ? 8 : 6);

	switch (kind) {
	case 0:
	case 1:
		return make_number(source, aml);
	case 2:
		return make_string(source, aml);
	case 3:
		return make_buffer(source, aml);
	case 4:
		aml_name(aml, references[source_below(source, sizeof(references) /
						      sizeof(references[0]))]);
		return (struct object){ .type = OBJECT_UNKNOWN };
	case 5:
		/* Any byte at all: an opcode, which may take in what follows. */
		aml_byte(aml, source_byte(source));
		aml->wild = true;
		return (struct object){ .type = OBJECT_UNKNOWN };
	default:
		return make_package(source, aml, depth);
	}
}

/* Returns: whether the method gets to its end. */
static bool make_statement(struct source *source, struct aml *aml, const char *name)
{
	switch (source_below(source, 10)) {
	case 0: /* Local0 = ... */
		aml_byte(aml, 0x70);
		make_number(source, aml);
		aml_byte(aml, 0x60);
		return true;
	case 1: /* Notify (^, 0x80) */
		aml_bytes(aml, "\x86^\x00\x0a\x80", 5);
		return true;
	case 2: /* Sleep (...) */
		aml_bytes(aml, "\x5b\x22", 2);
		make_number(source, aml);
		return true;
	case 3: /* While (1) {} */
		aml_name(aml, "\xa2\x02\x01");
		return false;
	case 4: /* Itself. */
		aml_name(aml, name);
		return false;
	case 5: /* Acquire (..., 0xffff), twice in a while */
		aml_name(aml, "\x5b\x23\\\x2e_SB_FMTX\xff\xff");
		return false;
	case 6: /* Wait (..., 0xffff) */
		aml_name(aml, "\x5b\x25\\\x2e_SB_FEVT\x0b\xff\xff");
		return false;
	case 7: /* Divide (1, 0) */
		aml_bytes(aml, "\x78\x01\x00\x00\x00", 5);
		return false;
	case 8: /* Name (_STA, ...), CreateDWordField and such: what a method makes goes with it. */
		aml_byte(aml, 0x08);
		aml_name(aml, "TEMP");
		make_value(source, aml, DEPTH - 2);
		return false;
	default: /* The package that is named = ... */
		aml_byte(aml, 0x70);
		make_value(source, aml, DEPTH - 2);
		aml_name(aml, references[source_below(source, 5)]);
		return false;
	}
}

static struct object make_method(struct source *source, struct aml *aml, const char *name)
{
	uint8_t flags = source_byte(source);
	unsigned int n = source_below(source, STATEMENTS);
	bool returns = source_below(source, 8) != 7, plain = !(flags & 7);
	struct object object = { .type = OBJECT_UNKNOWN };
	size_t start = aml_method(aml, name, flags & 0xf);

	while (n--)
		plain &= make_statement(source, aml, name);
	if (returns) {
		aml_byte(aml, 0xa4);
		object = make_value(source, aml, 0);
	}
	aml_close(aml, start);
	if (!returns || !plain)
		object.type = OBJECT_UNKNOWN;
	return object;
}

struct object object_make(struct source *source, struct aml *aml, const char *name)
{
	struct object object;

	switch (source_below(source, 8)) {
	case 0:
		return (struct object){ .type = OBJECT_NONE };
	case 1: /* Device (...) {} */
		aml_close(aml, aml_device(aml, name));
		return (struct object){ .type = OBJECT_UNKNOWN };
	case 2: /* Alias (..., ...) */
		aml_byte(aml, 0x06);
		aml_name(aml, references[source_below(source, sizeof(references) /
						      sizeof(references[0]))]);
		aml_name(aml, name);
		aml->wild = true;
		return (struct object){ .type = OBJECT_UNKNOWN };
	case 3:
	case 4:
		return make_method(source, aml, name);
	default:
		aml_byte(aml, 0x08);
		aml_name(aml, name);
		object = make_value(source, aml, 0);
		/* A table is loaded as far as its first fault. */
		aml->wild |= object.type == OBJECT_UNKNOWN;
		return object;
	}
}
