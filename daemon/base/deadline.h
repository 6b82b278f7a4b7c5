/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Waiting that has an end: a point in time, in milliseconds of CLOCK_MONOTONIC,
 * which no setting of the clock moves.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdint.h>

/* So many milliseconds from now. */
int64_t deadline_in(int64_t ms);

/* How many are left, for poll(2); 0: it is over. */
int deadline_left(int64_t deadline);

/*
 * Waits until something can be read, or for the end of the process of a pidfd.
 * Looks at least once, and no signal ends it. Returns 0; -ETIMEDOUT; -errno.
 */
int deadline_wait(int fd, int64_t deadline);

#endif /* DEADLINE_H */
