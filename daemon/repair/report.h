/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How the answer to a change goes on, for everybody else.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

#include "base/log.h"
#include "config/config.h"
#include "courier/courier.h"
#include "statusfile.h"
#include "witness/sighting.h"

/* How the answer stands. */
struct report {
	const struct config *config;
	const struct state *state;
	/* What the witness showed last. */
	const struct sighting *seen;
	/* May be NULL. */
	const struct drill_report *drill;
	/* Hooks are running, or those of an earlier vmgend are waited for. */
	bool running, waiting;
	/* As in struct status. */
	bool recorded;
	int record_error;
};

/* Writes status.json and tells the service manager. activity: a word. */
void report_activity(const struct report *report, const char *activity);

/* Writes the generation that is handled; 0: none. */
void report_generation(const struct config *config, uint64_t generation);

/*
 * Tells the host of the run that ended last, or, if ended is false, that nothing has
 * changed. courier: NULL: nobody does.
 */
void report_to_host(struct courier *courier, const struct sighting *seen,
		    const struct record *last, bool ended);

/* What the journal is told of a run that has finished. */
struct log_fields report_fields(const struct record *run);

/* Returns words for how the reseed ended. error: 0 or -errno. */
const char *report_reseed(int error);

#endif /* REPORT_H */
