/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What code that is tried prints, on standard output and standard error together. glibc, where
 * libFuzzer is, has both assigned; libFuzzer itself keeps its own.
 */
#ifndef CAPTURED_H
#define CAPTURED_H

#include <stdio.h>

#include "demand.h"

static FILE *captured_streams[2];
static char *captured_text;
static size_t captured_size;

static inline void captured_begin(void)
{
	FILE *file = open_memstream(&captured_text, &captured_size);

	demand(file);
	captured_streams[0] = stdout;
	captured_streams[1] = stderr;
	stdout = stderr = file;
}

/* The caller frees it. */
static inline char *captured_end(void)
{
	demand(!fclose(stdout));
	stdout = captured_streams[0];
	stderr = captured_streams[1];
	demand(strlen(captured_text) == captured_size);
	return captured_text;
}

#endif /* CAPTURED_H */
