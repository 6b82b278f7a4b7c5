/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What everyone may know, as files in the runtime directory: "generation", a
 * number in a file that is never replaced, so it can be watched; and
 * "status.json", described in vmgend(8).
 */
#ifndef STATUSFILE_H
#define STATUSFILE_H

#include "record/record.h"
#include "witness/witness.h"

/* What a request for a drill calls itself, and the terminating zero. */
enum { DRILL_ID_SIZE = 33 };

enum drill_phase {
	DRILL_NONE,
	/* Until hooks of a change have ended. */
	DRILL_WAITING,
	DRILL_RUNNING,
	DRILL_OVER,
};

/* What is told of a drill; see drill.h. */
struct drill_report {
	enum drill_phase phase;
	/* From the request. An empty name: all hooks. */
	char id[DRILL_ID_SIZE];
	char hook[NAME_MAX + 1];
	bool real;
	/* The word for what of the last run is run again; NULL: nothing. */
	const char *rerun;
	/* A change came, so hooks are missing. */
	bool interrupted;
	/* Constant text: why nothing was run; NULL: it was. */
	const char *refusal;
	/* Its results; of a run of the repair they are in that one's record. */
	struct record record;
};

struct status {
	/* "watching", "waiting", "running", "stopped" */
	const char *activity;
	enum witness_kind source;
	const char *device;
	/* Of the witness; 0: no ID is provided. */
	uint64_t generation;
	/* Of the ID of that generation; empty: the source shows none. */
	const char *id_hash;
	/* The present ID was handled. */
	bool handled;
	/* What was done is on disk; if not: why, -errno; 0: it was not tried. */
	bool recorded;
	int record_error;
	/* May be empty. */
	const struct record *run, *last;
	/* May be NULL. */
	const struct drill_report *drill;
};

/* Replaces status.json. Returns 0 or -errno. */
int status_write(const char *directory, const struct status *status);

/*
 * Replaces the file of what the hooks of a drill printed, which root alone reads. results: of
 * the drill, or of the run of the repair that it was. Returns 0 or -errno.
 */
int status_write_outputs(const char *directory, const char *id, const struct record *results);

/*
 * Writes the generation that was handled last into the generation file; 0: the
 * present one is not handled yet. Returns 0 or -errno.
 */
int status_write_generation(const char *directory, uint64_t generation);

#endif /* STATUSFILE_H */
