/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What was said that a change is: by the administrator, by the mark of an image, by the
 * host. In this order of trust, and where two of them differ nobody is believed.
 */
#ifndef DECLARED_H
#define DECLARED_H

#include "config/config.h"
#include "record/statefile.h"

/*
 * Fills in what was said of the run. same: this may be the very machine that is on record.
 * At a boot no driver of a network card may be loaded yet, and the word may have been left in
 * the original, to which some hosts give a new ID, too. Logs.
 */
void declared_take(const struct config *config, int state_fd, struct state *state,
		   const struct machine *present, bool same);

/* Nothing that was said goes unused in silence: it is part of the record. Logs. */
void declared_leave(struct record *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Is something that was used perhaps still in its place? */
bool declared_is_spent(const struct state *state);

/* Returns 0: no intent that was used is left in its place; or -errno. Logs. */
int declared_clear(const struct config *config, int state_fd, struct state *state);

/* Two machines seem to have one ID. Logs. */
void declared_warn_of_shared_id(void);

#endif /* DECLARED_H */
