/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The process that zeroes fork sentinels beside the guards, as the guardian has it.
 */
#ifndef LOOKOUT_H
#define LOOKOUT_H

#include "config/config.h"
#include "sentinel/sentinel.h"

struct lookout {
	struct sentinel sentinel;
	/* What it has told last; not known: the daemon has heard of it. */
	struct sentinel_report report;
};

/* Has it stand by, unless it does, or the configuration says no. */
void lookout_post(struct lookout *lookout, const struct config *config);

/* For poll(2): -1: there is none. */
int lookout_fd(const struct lookout *lookout);

/* Takes what it has told. Returns false: it is gone, and lookout_post() is to follow. */
bool lookout_read(struct lookout *lookout);

#endif /* LOOKOUT_H */
