/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A hook that was started, until it has ended; if its time is over, until all its
 * processes have, wherever they went.
 */
#ifndef SUPERVISION_H
#define SUPERVISION_H

#include <signal.h>
#include <stdint.h>

#include "output.h"
#include "process/process.h"

struct supervision {
	const char *hook;
	struct process process;
	/* -1: it has none. */
	int cgroup_fd;
	/* Readable when it has to end at once; -1: nothing tells. */
	int end_fd;
	/* CLOCK_MONOTONIC in milliseconds. */
	int64_t deadline_ms;
	/* From SIGTERM to SIGKILL. */
	unsigned int grace_ms;
	struct output output;
	/* Its process has ended, and how. */
	bool ended;
	siginfo_t end;
};

/* How it came to an end. */
enum supervision_end {
	SUPERVISION_ENDED,
	/* Its time was over, so all its processes were ended. */
	SUPERVISION_TIMED_OUT,
	/* It had to end at once. */
	SUPERVISION_SUPERSEDED,
};

/*
 * Passes the output on until the hook has ended, or ends it. All children of the
 * caller must be the hook's. Closes the descriptors of the process.
 */
enum supervision_end supervision_run(struct supervision *hook);

#endif /* SUPERVISION_H */
