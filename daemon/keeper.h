/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The keeper of a hook: a process of its own that starts the hook, passes its
 * output on, ends it when its time is over, and records how it ended. A hook
 * whose keeper lives does not notice that the daemon is stopped, killed or
 * upgraded, and its result is not lost.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <stdbool.h>

#include "attempt.h"

struct keeper {
	pid_t pid;
	/* Delivers one struct keeper_report. */
	int report_fd;
};

struct keeper_report {
	struct hook_result result;
	/* 0: the result is on disk; otherwise the negative errno. */
	int record_error;
	/* It never began, so there is no result. */
	bool called_off;
};

/*
 * Forks a keeper for a hook. lock_fd: of the run; the keeper holds it, too.
 * Returns 0 or -errno.
 */
int keeper_start(const struct job *job, int lock_fd, struct keeper *ret_keeper);

/* Tells a keeper to start nothing any more. A hook that is running goes on. */
void keeper_call_off(const struct keeper *keeper);

/*
 * Takes the report of a keeper that has ended. name: of the hook. Returns 0;
 * -EAGAIN: it still lives.
 */
int keeper_collect(struct keeper *keeper, const char *name, struct keeper_report *ret_report);

#endif /* KEEPER_H */
