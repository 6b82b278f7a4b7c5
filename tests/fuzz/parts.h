/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * An input that is several files: "%%" and a newline stand between them.
 */
#ifndef PARTS_H
#define PARTS_H

#include "demand.h"

struct parts {
	const uint8_t *data;
	size_t size;
};

/* In memory of its own, with a zero byte behind it; the caller frees it. NULL: that was all. */
static inline char *part_take(struct parts *parts, size_t *ret_size)
{
	const uint8_t *end = parts->data ? memmem(parts->data, parts->size, "%%\n", 3) : NULL;
	char *part;

	if (!parts->data)
		return NULL;
	*ret_size = end ? (size_t)(end - parts->data) : parts->size;
	part = malloc(*ret_size + 1);
	demand(part);
	memcpy(part, parts->data, *ret_size);
	part[*ret_size] = '\0';
	parts->size -= *ret_size + (end ? 3 : 0);
	parts->data = end ? end + 3 : NULL;
	return part;
}

#endif /* PARTS_H */
