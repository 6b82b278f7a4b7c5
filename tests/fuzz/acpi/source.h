/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A fuzzer's input as decisions, one after the other. Where it ends, all are 0.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct source {
	const uint8_t *next;
	const uint8_t *end;
};

static inline uint8_t source_byte(struct source *source)
{
	return source->next < source->end ? *source->next++ : 0;
}

static inline unsigned int source_below(struct source *source, unsigned int bound)
{
	return source_byte(source) % bound;
}

/* A byte says how many bytes of it there are: numbers of all sizes are as likely. */
static inline uint64_t source_number(struct source *source)
{
	unsigned int size = source_below(source, 9);
	uint64_t value = 0;

	while (size--)
		value = value << 8 | source_byte(source);
	return value;
}

#endif /* SOURCE_H */
