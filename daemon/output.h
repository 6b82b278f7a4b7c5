/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a hook prints: passed on to the log line by line, under the hook's
 * name, up to a limit.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

enum {
	OUTPUT_LIMIT = 8192,
	OUTPUT_LINE_SIZE = 1024,
};

struct output {
	const char *name;
	size_t logged;
	size_t used;
	char line[OUTPUT_LINE_SIZE];
};

/*
 * Reads what a non-blocking descriptor has, at most limit bytes, and logs the
 * lines that are complete. Returns false at the end of the output.
 */
bool output_pump(struct output *output, int fd, size_t limit);

/* Logs a last line that has no newline. */
void output_finish(struct output *output);

#endif /* OUTPUT_H */
