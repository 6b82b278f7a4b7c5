/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen-changed.target, which systemd pulls other units in with after a change.
 * Where systemd is not, there is no target.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <sys/types.h>

struct target {
	/* Of the process that asks systemd; 0: none. */
	pid_t pid;
	/* Once more when it has ended. */
	bool again;
	/* How long it may ask; 0: 90. */
	unsigned int limit_sec;
};

/* Has the target started, and waits for nothing. What goes wrong is logged. */
void target_start(struct target *target);

/* To be called when a child has ended. */
void target_advance(struct target *target);

#endif /* TARGET_H */
