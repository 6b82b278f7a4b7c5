/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Hooks of the run that finished last, once more, because an administrator asked
 * for it: those that failed, or those that waited for an intent. They are told what
 * they were told then, and how they end takes the place of how they ended.
 */
#ifndef RERUN_H
#define RERUN_H

#include "repair.h"

enum rerun {
	RERUN_NONE,
	/* What failed, the reseed included. */
	RERUN_FAILED,
	/* What did not apply, now that this machine is declared a clone. */
	RERUN_CLONE,
};

/* Returns the word for it; RERUN_NONE: empty. */
const char *rerun_name(enum rerun rerun);

/* Returns 0, or -EINVAL: nothing has this name. */
int rerun_parse(const char *name, enum rerun *ret_rerun);

/*
 * Prepares a run for an empty record, which must outlive it. Returns NULL, or
 * constant text that says why there is none.
 */
const char *rerun_begin(struct repair *repair, enum rerun rerun, struct record *record,
			struct run **ret_run);

/* Takes the results of that record into the run that finished last. Logs. */
void rerun_finish(struct repair *repair, enum rerun rerun, const struct record *record);

#endif /* RERUN_H */
