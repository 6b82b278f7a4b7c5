/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a hook prints: passed on to the log line by line, under the hook's name
 * and made safe. The beginning goes there at once, and the end when there is
 * no more; what is left out between them is counted.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* What goes to the log: the lines that begin in the head, and this much of the end. */
	OUTPUT_HEAD = 1024,
	OUTPUT_TAIL = 8192,
	/* A longer line is split. */
	OUTPUT_LINE_SIZE = 1024,
	/* What is read at once. */
	OUTPUT_CHUNK_SIZE = 4096,
	/* The room for output_tail(). */
	OUTPUT_EXCERPT_SIZE = 1024,
};

struct output {
	const char *name;
	/* A line that is not complete. */
	size_t used;
	char line[OUTPUT_LINE_SIZE];
	/* In bytes: what there was, and how much of it went into lines. */
	uint64_t total, taken;
	bool head_done;
	/* The last that there was, with some before it. */
	size_t n_kept;
	char kept[OUTPUT_TAIL + OUTPUT_CHUNK_SIZE];
};

/*
 * Reads what a non-blocking descriptor has, at most limit bytes. Returns false
 * at the end of the output.
 */
bool output_pump(struct output *output, int fd, size_t limit);

/* Logs what is left, with a last line that has no newline. */
void output_finish(struct output *output);

/*
 * The last lines of all that was read, made safe, with newlines between them and none
 * at the end; only a line that alone is too long begins in its middle.
 */
void output_tail(const struct output *output, char ret_text[static OUTPUT_EXCERPT_SIZE]);

#endif /* OUTPUT_H */
