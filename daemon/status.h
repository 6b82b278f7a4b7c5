/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What everyone may know, as files in the runtime directory: "generation", a
 * number in a file that is never replaced, so it can be watched; and
 * "status.json", described in vmgend(8).
 */
#ifndef STATUS_H
#define STATUS_H

#include "record.h"
#include "witness.h"

struct drill;

struct status {
	/* "watching", "running", "stopped" */
	const char *activity;
	enum witness_kind source;
	const char *device;
	/* Of the witness; 0: no ID is provided. */
	uint64_t generation;
	/* The present ID was handled. */
	bool handled;
	/* What was done is on disk; if not: why, -errno; 0: it was not tried. */
	bool recorded;
	int record_error;
	/* May be empty. */
	const struct record *run, *last;
	/* May be NULL. */
	const struct drill *drill;
};

/* Replaces status.json. Returns 0 or -errno. */
int status_write(const char *directory, const struct status *status);

/*
 * Writes the generation that was handled last into the generation file; 0: the
 * present one is not handled yet. Returns 0 or -errno.
 */
int status_write_generation(const char *directory, uint64_t generation);

#endif /* STATUS_H */
