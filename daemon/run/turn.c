/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The turn of a guard: a lock of its name, which its keeper holds.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "process/lock.h"
#include "turn.h"

enum {
	/* For an older instance to be gone. */
	LIMIT_MS = 2000,
	INTERVAL_MS = 5,
};

int turn_open(const struct job *job, const char *name)
{
	char directory[PATH_MAX];
	int fd, r;

	snprintf(directory, sizeof(directory), "%s/lock", job->config->runtime_dir);
	r = lock_open(directory, name, &fd);
	return r ? r : fd;
}

void turn_take(const struct job *job, int fd)
{
	const struct timespec pause = { .tv_nsec = INTERVAL_MS * 1000000 };
	pid_t holder = 0;
	int i;

	if (fd < 0)
		return;
	for (i = 0; i < LIMIT_MS / INTERVAL_MS; i++) {
		if (lock_take(fd, &holder) != -EWOULDBLOCK)
			return;
		/* Its keeper: who else holds a lock in that directory? */
		if (holder > 1)
			(void)kill(holder, SIGINT);
		nanosleep(&pause, NULL);
	}
	log_warning("%s: an older instance of it could not be ended; it starts anyway",
		    job->hook->name);
}
