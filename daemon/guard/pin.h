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

#endif /* PIN_H */
