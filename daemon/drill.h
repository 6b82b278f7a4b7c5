/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A drill: hooks run because an administrator asked for it. "vmgenctl trigger"
 * leaves its request in the runtime directory and sends SIGUSR1, and finds the
 * answer in status.json.
 */
#ifndef DRILL_H
#define DRILL_H

#include <limits.h>

#include "rerun.h"

/* What a request calls itself, and the terminating zero. */
enum { DRILL_ID_SIZE = 33 };

enum drill_phase {
	DRILL_NONE,
	/* Until hooks of a change have ended. */
	DRILL_WAITING,
	DRILL_RUNNING,
	DRILL_OVER,
};

struct drill {
	struct repair *repair;
	enum drill_phase phase;
	/* There is a request that was not looked at yet. */
	bool requested;
	/* From the request. An empty name: all hooks. */
	char id[DRILL_ID_SIZE];
	char hook[NAME_MAX + 1];
	bool real;
	/* In earnest, and no other hooks than these. */
	enum rerun rerun;
	/* NULL: the repair runs the hooks, as after a change. */
	struct run *run;
	/* Its results; of a run of the repair they are in that one's record. */
	struct record record;
	/* A change came, so hooks are missing. */
	bool interrupted;
	/* Constant text: why nothing was run; NULL: it was. */
	const char *refusal;
};

/* Prepares, and drops a request that nobody took. repair must outlive it. */
void drill_init(struct drill *drill, struct repair *repair);

void drill_clear(struct drill *drill);

/* To be called at SIGUSR1. */
void drill_request(struct drill *drill);

/* To be called when anything has happened to it or to the repair. */
void drill_advance(struct drill *drill);

/*
 * Starts no further hook. Returns whether one is running: then repair_resume()
 * is called when it has ended.
 */
bool drill_stop(struct drill *drill);

/* Adds a member, or nothing if there was no drill. Returns 0 or -ENOMEM. */
int drill_add_json(const struct drill *drill, struct json_object *json, const char *key);

#endif /* DRILL_H */
