/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The way through all processes. Workers go it, which are ended one by one where a
 * process holds them up: each of them costs that process alone.
 */
#ifndef PATROL_H
#define PATROL_H

#include <stdbool.h>

#include "record/tally.h"

struct patrol;

struct patrol_limits {
	/*
	 * After so long at one process a worker gets company, is ended; and all of it ends. In
	 * milliseconds.
	 */
	unsigned int stall_ms, process_ms, total_ms;
};

extern const struct patrol_limits patrol_limits;

/* proc: "/proc". Returns NULL: no memory. */
struct patrol *patrol_new(const char *proc, const struct patrol_limits *limits);

/* NULL is allowed. Returns NULL. */
struct patrol *patrol_free(struct patrol *patrol);

/* Begins, or begins again: what was found so far is for an older change. */
void patrol_begin(struct patrol *patrol);

/*
 * Goes on. Returns true: it is over, and this has become of it; false: to be called again
 * in PATROL_STEP_MS.
 */
bool patrol_advance(struct patrol *patrol, struct tally *ret_tally);

enum { PATROL_STEP_MS = 5 };

#endif /* PATROL_H */
