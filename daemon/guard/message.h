/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the guardian tells the daemon. In the other direction goes a struct
 * keeper_order.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "run/run.h"

/* So long it waits for the first order. */
enum { GUARDIAN_PATIENCE_MS = 5000 };

enum guardian_word {
	/* The guards have begun, by the guardian's own look or by a request. */
	GUARDIAN_BEGUN,
	/* How one of them ended. */
	GUARDIAN_RESULT,
	/* All have ended, or are lost. */
	GUARDIAN_OVER,
	/* What became of fork sentinels; at any time. */
	GUARDIAN_SENTINELS,
};

struct guardian_message {
	enum guardian_word word;
	/* Of the run that it is about. */
	uint64_t generation;
	char id_hash[HASH_SIZE];
	enum event event;
	/* With BEGUN: how long they may take, in seconds. */
	unsigned int limit_sec;
	/* With OVER: a directory of hooks could not be used. */
	bool incomplete;
	/* With SENTINELS. */
	struct tally sentinels;
	/* With RESULT. */
	struct keeper_report report;
};

#endif /* MESSAGE_H */
