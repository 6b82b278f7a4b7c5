/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The keeper of a hook: a process of its own that starts the hook, passes its
 * output on, ends it when its time is over, and records how it ended. A hook
 * whose keeper lives does not detect that the daemon is stopped, killed or
 * upgraded, and its result is not lost.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "attempt.h"

struct keeper {
	pid_t pid;
	/* Delivers one struct keeper_report. */
	int report_fd;
	/* Takes one struct keeper_order; -1: the keeper needs none. */
	int order_fd;
};

/* What a keeper that is held has to know before it can begin. */
struct keeper_order {
	/* Without results. */
	struct record run;
	/* The hook may have succeeded for this ID already. */
	bool resume;
};

struct keeper_report {
	/* Its output is below. */
	struct hook_result result;
	/* 0: the result is on disk; -EPIPE: the keeper ended without a word; -errno. */
	int record_error;
	/* It never began, so there is no result. */
	bool called_off;
	char output[OUTPUT_EXCERPT_SIZE];
};

/*
 * Forks a keeper for a hook. lock_fd: of the run; the keeper holds it, too.
 * The keeper of a guard ends an older instance of that guard first, and has its
 * result recorded by another process, because nothing waits for a guard's disk.
 * Returns 0 or -errno.
 */
int keeper_start(const struct job *job, int lock_fd, struct keeper *ret_keeper);

/*
 * Forks a keeper that gets everything ready and waits for keeper_release(). It
 * ends when the caller ends or gives it up. job->run is not used. Returns 0 or
 * -errno.
 */
int keeper_hold(const struct job *job, struct keeper *ret_keeper);

/* Has a keeper that is held begin. Returns 0; -errno: it is gone. */
int keeper_release(struct keeper *keeper, const struct keeper_order *order);

/* Has a keeper that is held end by itself; the caller reaps it. */
void keeper_give_up(struct keeper *keeper);

/* Tells a keeper to start nothing any more. A hook that is running goes on. */
void keeper_call_off(const struct keeper *keeper);

/*
 * Takes the report of a keeper that has ended. name: of the hook. Returns 0;
 * -EAGAIN: it still lives.
 */
int keeper_collect(struct keeper *keeper, const char *name, struct keeper_report *ret_report);

#endif /* KEEPER_H */
