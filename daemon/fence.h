/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fences: units that must stay down until somebody has mended what a change
 * broke. A unit asks for its own in ExecStartPre=, so it does not matter who
 * starts it.
 */
#ifndef FENCE_H
#define FENCE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { FENCE_REASON_SIZE = 512 };

/*
 * Makes the full name of a unit of what somebody typed, as systemctl(1) does.
 * Returns 0; -EINVAL: no unit has such a name.
 */
int fence_unit(const char *name, char ret_unit[NAME_MAX + 1]);

/* The units are full names below. */

/*
 * Fences a unit, or gives another reason. state_fd: of state_open(). Returns 0:
 * it is on disk; -EINVAL: the reason is empty, too long or has control
 * characters; -errno.
 */
int fence_set(int state_fd, const char *unit, const char *reason);

/* Returns 0: it is off the disk; -ENOENT: there was none; -errno. */
int fence_lift(int state_fd, const char *unit);

/*
 * Returns 0: the unit is fenced, and ret_reason says why, or is empty. -ENOENT:
 * it is not. Otherwise nobody knows: -errno. state_dir may be missing.
 */
int fence_read(const char *state_dir, const char *unit, char ret_reason[FENCE_REASON_SIZE]);

/*
 * Calls visit for each fence, in the order of the names. Returns 0 or -errno.
 */
int fence_each(const char *state_dir, void (*visit)(const char *unit, const char *reason,
						    void *context), void *context);

#endif /* FENCE_H */
