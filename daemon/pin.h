/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Keeps what a guard needs to start in memory, so that it starts also when
 * the disk hangs: its file, its interpreters, loader and libraries, and each
 * directory and symbolic link on the way there.
 *
 * All of this reads the disk and may hang with it. It is for a process that
 * may: what it keeps is kept for all, until it frees it or ends.
 */
#ifndef PIN_H
#define PIN_H

#include <stddef.h>

enum {
	/* Of all files of one set. */
	PINS_MAX_BYTES = 32 << 20,
	PINS_MAX_FILES = 128,
	/* Directories, symbolic links and files; each takes a descriptor. */
	PINS_MAX_NODES = 384,
};

struct pins;

/*
 * Keeps a program in memory. fd: of the program, may be O_PATH, and stays the
 * caller's. pins: a set, which is made first where it is NULL, and gets what
 * it has not got yet; the caller frees it with pins_free().
 *
 * Returns 0, or -errno of the first thing that could not be kept, which
 * pins_problem() names; all else is kept then. -ENOMEM may leave pins NULL.
 */
int pin_program(int fd, const char *path, struct pins **pins);

/*
 * Keeps a file in memory, which a program reads as it starts, and if it is a
 * program what that needs. Otherwise as pin_program().
 */
int pin_file(const char *path, struct pins **pins);

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

#endif /* PIN_H */
