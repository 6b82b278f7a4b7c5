/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a run consists of, for run.c and muster.c alone.
 */
#ifndef MUSTER_H
#define MUSTER_H

#include "config/hook.h"
#include "keeper.h"
#include "run.h"

/* A hook that its keeper looks after now. */
struct member {
	const struct hook *hook;
	struct keeper keeper;
	unsigned int starts;
};

struct run {
	const struct config *config;
	struct record *record;
	enum run_part part;
	struct hook_list list;
	/* The first hook that was not looked at yet. */
	size_t next;
	/* Room for all hooks of the list. */
	struct member *members;
	size_t n_members;
	unsigned int limit_sec;
	int lock_fd;
	bool stopped;
	/* Of each hook, once run_hold() has read them; NULL: not yet. */
	struct hook_settings *settings;
};

/* Is the run about this hook? */
bool run_includes(const struct run *run, const struct hook *hook);

/* Returns false if it cannot be run. */
bool run_read_settings(struct run *run, const struct hook *hook,
		       struct hook_settings *ret_settings);

void run_add_member(struct run *run, const struct hook *hook, const struct keeper *keeper,
		    const struct hook_settings *settings, unsigned int starts);

/* Starts, as any other hook, what could not be held or is gone. */
void run_start_missing(struct run *run);

#endif /* MUSTER_H */
