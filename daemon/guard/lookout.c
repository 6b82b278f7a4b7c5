/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Starts the process that zeroes fork sentinels, and hears what it tells.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "lookout.h"

void lookout_post(struct lookout *lookout, const struct config *config)
{
	int r;

	if (!config->fork_sentinels || lookout->sentinel.pid)
		return;
	r = sentinel_start(config->proc, &lookout->sentinel);
	if (r)
		log_warning("no process can zero fork sentinels: %s; programs with BoringSSL detect no change",
			    strerror(-r));
	else if (lookout->owes)
		(void)sentinel_wake(&lookout->sentinel, lookout->generation);
}

void lookout_wake(struct lookout *lookout, uint64_t generation)
{
	lookout->owes = true;
	lookout->generation = generation;
	(void)sentinel_wake(&lookout->sentinel, generation);
}

int lookout_fd(const struct lookout *lookout)
{
	return lookout->sentinel.pid ? lookout->sentinel.fd : -1;
}

bool lookout_read(struct lookout *lookout)
{
	int r;

	while (!(r = sentinel_read(&lookout->sentinel, &lookout->report)))
		lookout->owes &= lookout->report.generation != lookout->generation;
	if (r != -EPIPE)
		return true;
	log_warning("the process that zeroes fork sentinels is gone; another one is started");
	sentinel_stop(&lookout->sentinel);
	return false;
}
