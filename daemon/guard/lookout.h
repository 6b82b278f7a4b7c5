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
	/* It was woken for this generation, and has not told yet what became of it. */
	bool owes;
	uint64_t generation;
};

/* Has it stand by, unless it does, or the configuration says no; and begin, if one before owes. */
void lookout_post(struct lookout *lookout, const struct config *config);

/* Has it begin, and waits for nothing. If it is not there, the next one does it. */
void lookout_wake(struct lookout *lookout, uint64_t generation);

/* For poll(2): -1: there is none. */
int lookout_fd(const struct lookout *lookout);

/* Takes what it has told. Returns false: it is gone, and lookout_post() is to follow. */
bool lookout_read(struct lookout *lookout);

#endif /* LOOKOUT_H */
