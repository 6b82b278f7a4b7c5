/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Objects of AML of any type and depth, made of a fuzzer's decisions.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <stdint.h>

#include "aml.h"
#include "source.h"

enum object_type {
	/* There is none, or it cannot be evaluated. */
	OBJECT_NONE,
	OBJECT_INTEGER,
	OBJECT_STRING,
	OBJECT_BUFFER,
	OBJECT_PACKAGE,
	/* A package's element that nobody gave a value. */
	OBJECT_EMPTY,
	/* It depends on what ACPICA makes of nonsense. */
	OBJECT_UNKNOWN,
};

/* What evaluating a name gives. */
struct object {
	enum object_type type;
	uint64_t value;
	const char *string;
	unsigned int count;
	/* The first two elements of a package. */
	struct {
		enum object_type type;
		uint64_t value;
	} half[2];
};

/* What others refer to. */
void object_begin(struct aml *aml);

/* A name, a method or something else of this name; or nothing. */
struct object object_make(struct source *source, struct aml *aml, const char *name);

#endif /* OBJECT_H */
