/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How long a hook waits before it begins, so that a thousand clones of one
 * snapshot do not ask one server for new leases in the same moment.
 */
#ifndef JITTER_H
#define JITTER_H

#include <stdint.h>

/*
 * Draws a time from 0 to, but not including, limit_sec. To be called after the
 * kernel's random number generator was reseeded, or all clones draw the same.
 * Returns nanoseconds: thousands of clones have to differ.
 */
uint64_t jitter_draw(unsigned int limit_sec);

#endif /* JITTER_H */
