/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A mask, which keeps systemd from starting a unit until the next boot, wherever the unit's own
 * file is: for one of which it is not certain that it asks for its fence.
 */
#ifndef MASK_H
#define MASK_H

#include <stdbool.h>

/* A variable for tests. */
extern const char *mask_directory;

/* The units are full names; systemd has to reload after both. */

/* Returns 0: it is there; -EEXIST: something else has its name; -errno. */
int mask_put(const char *unit);

/* Returns whether there was one, which is none now. */
bool mask_remove(const char *unit);

/* Of all units. Returns whether there was any. */
bool mask_remove_all(void);

#endif /* MASK_H */
