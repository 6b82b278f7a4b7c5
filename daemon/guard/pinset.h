/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A set of files that are kept in memory, with the ways to them; pin.h fills it. A
 * problem is kept in the set as well.
 */
#ifndef PINSET_H
#define PINSET_H

#include <stdbool.h>
#include <stddef.h>

enum {
	/* Of all files of one set. */
	PINS_MAX_BYTES = 32 << 20,
	PINS_MAX_FILES = 128,
	/* Directories, symbolic links and files; each takes a descriptor. */
	PINS_MAX_NODES = 384,
};

struct pins;

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

/*
 * Does each path still lead to the file that is kept? And reads of each file,
 * so that its time of access is younger than a day, after which the start of
 * a program would write to the disk; so call it twice a day.
 *
 * Returns 0; -ESTALE: no, make another set and free this one; or -errno.
 */
int pins_refresh(const struct pins *pins);

/* Returns how much memory is locked by a set; NULL has none. */
size_t pins_bytes(const struct pins *pins);

/*
 * Returns what could not be kept first of a set, and why, without an end of
 * line; "": nothing. The text is the set's.
 */
const char *pins_problem(const struct pins *pins);

/* Frees a set. NULL is allowed. Returns NULL. */
struct pins *pins_free(struct pins *pins);

#endif /* PINSET_H */
