/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a change is taken for: what the machine looks like, what the
 * administrator said, and what the configuration says of changes found at boot.
 * It never keeps the reseed or a guard from running.
 */
#ifndef POLICY_H
#define POLICY_H

#include "config/config.h"
#include "record/statefile.h"

/*
 * Takes note of a start of vmgend that found event, or a run for it that was
 * begun before. state_fd: of state_open(), or negative. Logs. Returns
 * whether the state has to be saved.
 */
bool policy_start(const struct config *config, int state_fd, struct state *state,
		  enum event event, bool same_boot);

/*
 * Fills in what the new run is taken for. replaced: the unfinished one before it, which
 * may be empty. Logs. policy_save() has to follow before a hook gets the intent, which
 * guards do not, because it is used then.
 */
void policy_describe(const struct config *config, int state_fd, struct state *state,
		     const struct record *replaced);

/*
 * Decides whether an ID that is new at boot counts, for a run of which it is known how
 * the system went down before; see shutdown_take(). Logs.
 */
void policy_weigh(const struct config *config, struct record *run);

/*
 * As state_save(). Then removes an intent that the run uses; one that cannot be
 * recorded as used is not used, and stays for vmgenctl trigger --real. Logs what it
 * does of that.
 */
int policy_save(const struct config *config, int state_fd, struct state *state);

#endif /* POLICY_H */
