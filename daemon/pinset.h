/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A set of files that are kept in memory, with the ways to them; see pin.h,
 * which is for all others. A problem is kept in the set as well.
 */
#ifndef PINSET_H
#define PINSET_H

#include <stdbool.h>

#include "pin.h"

/* Returns the set, or a new one; NULL: out of memory. It has no error of this call yet. */
struct pins *pinset_begin(struct pins *pins);

/* Keeps the first problem. Returns r. */
int pinset_problem(struct pins *pins, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Returns the first error since pinset_begin(), or 0. */
int pinset_error(const struct pins *pins);

/* Goes a path as the kernel would and keeps it. Returns the number of its end, or -errno. */
int pinset_walk(struct pins *pins, const char *path);

/*
 * Keeps a file. fd: may be O_PATH; path: for messages. Returns a descriptor,
 * which is the set's, to read from, and ret_new: it was not there yet; or -errno.
 */
int pinset_add(struct pins *pins, int fd, const char *path, bool *ret_new);

/* The same by its path, which is kept as well. */
int pinset_add_path(struct pins *pins, const char *path, bool *ret_new);

#endif /* PINSET_H */
