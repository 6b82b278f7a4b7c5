/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * run/: running hooks, from their list until each has ended, or until all processes of
 * one have whose time is over. A keeper (keeper.h) looks after one hook, by attempts.
 *
 * In: a configuration, the record of a run, and which part of the hooks it is about.
 * Out: a result in that record for each hook that was to run; unless it is a drill, the
 * keeper has put it into the state file as well.
 * Never: a hook without a limit of time, or a guard that is ready and waits for anything
 * but the end of its own older instance, 2 s at most. A guard that is not ready yet is
 * prepared like any hook.
 *
 * The order of the hooks of one run: all guards at once, then all of one number
 * at once, and the next number when they have ended.
 */
#ifndef RUN_H
#define RUN_H

#include "config/config.h"
#include "keeper.h"
#include "record/record.h"

/*
 * No hook runs longer, in seconds, with any settings. Looking its user up, and
 * waiting for memory, come on top.
 */
enum { RUN_LIMIT_MAX = (SETTINGS_RETRIES_MAX + 2) * (SETTINGS_SECONDS_MAX + 60) };

struct run;

/* Which hooks a run is about. */
enum run_part {
	RUN_ALL,
	RUN_GUARDS,
	/* All but the guards that are known to have ended, however. */
	RUN_REST,
};

/*
 * Prepares a run: lists the hooks that its event calls for and that are not
 * settled in its record yet. The record belongs to the caller, gets the
 * results, and must outlive the run. lock_fd: held as long as a hook is running,
 * also without the caller. Returns 0 or -errno.
 */
int run_new(const struct config *config, struct record *record, enum run_part part, int lock_fd,
	    struct run **ret_run);

/*
 * Prepares a process for each guard, before there is anything to answer: for a
 * run of RUN_GUARDS alone. Returns how many guards could not be prepared; they
 * are started when the run is released.
 */
size_t run_hold(struct run *run);

/*
 * Prepares a run of the same hooks with the same settings, without reading the
 * disk, which may hang by now. Otherwise as run_new().
 */
int run_renew(const struct run *run, struct record *record, struct run **ret_run);

/* Is this the process of a guard that is ready? */
bool run_holds(const struct run *run, pid_t pid);

/* Begins a run that is held. The order has what its record has. */
void run_release(struct run *run, const struct keeper_order *order);

/*
 * Frees the run; hooks that are running go on, and those that are held end. NULL
 * is allowed. Returns NULL.
 */
struct run *run_free(struct run *run);

/*
 * Takes what has ended, then starts the next number if nothing is running.
 * Returns how many hooks are running; 0: the run is over.
 */
size_t run_advance(struct run *run);

/* Starts the guards that are due, and no other hook; run_advance() goes on from there. */
void run_begin_guards(struct run *run);

/* Starts once more what could not be started, or nobody knows the end of. */
void run_retry(struct run *run);

/* Leaves out all hooks but one. Returns 0; -ENOENT: there is no such hook. */
int run_choose(struct run *run, const char *hook);

/*
 * Leaves out the hooks that have no result in this record, or one that is not wanted.
 * Returns how many are left.
 */
size_t run_keep(struct run *run, const struct record *record,
		bool (*wants)(const struct hook_result *result));

/* Starts no further hook, also none that waits for its moment. */
void run_stop(struct run *run);

/* Returns how long the hooks that are running may run, in seconds; see RUN_LIMIT_MAX. */
unsigned int run_limit(const struct run *run);

#endif /* RUN_H */
