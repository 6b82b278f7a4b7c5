/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The turn of a guard, which ends an older instance of itself before it begins,
 * no matter what has started that.
 */
#ifndef TURN_H
#define TURN_H

#include "attempt.h"

/* Returns a descriptor of a lock of the runtime directory, or -errno. */
int turn_open(const struct job *job, const char *name);

/*
 * Ends an older instance, which has at most two seconds for that. fd: of
 * turn_open() with the guard's name; negative: there is none, and the guard runs
 * anyway. The turn lasts until fd is closed.
 */
void turn_take(const struct job *job, int fd);

#endif /* TURN_H */
