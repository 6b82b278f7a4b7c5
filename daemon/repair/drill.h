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

#include "rerun.h"
#include "statusfile.h"

struct drill {
	struct repair *repair;
	/* There is a request that was not looked at yet. */
	bool requested;
	/* A real run, with no other hooks than these. */
	enum rerun rerun;
	/* NULL: the repair runs the hooks, as after a change. */
	struct run *run;
	/* For status.json. */
	struct drill_report report;
};

/* Prepares, and drops a request that nobody took. repair must outlive it. */
void drill_init(struct drill *drill, struct repair *repair);

void drill_clear(struct drill *drill);

/* To be called at SIGUSR1. */
void drill_request(struct drill *drill);

/* To be called when anything has happened to it or to the repair. */
void drill_advance(struct drill *drill);

/*
 * Are hooks running that those of a change have to wait for? Then repair_resume() is
 * called when they have ended.
 */
bool drill_is_in_way(const struct drill *drill);

/* Starts no further hook. */
void drill_stop(struct drill *drill);

#endif /* DRILL_H */
