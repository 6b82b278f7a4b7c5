/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Guards that stand by: prepared before there is anything to answer, and released
 * at once. Between a change and its guards nothing here reads the disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "muster.h"

static int hold_hook(struct run *run, const struct hook *hook,
		     const struct hook_settings *settings)
{
	const struct job job = { .config = run->config, .hook = hook, .settings = settings };
	struct keeper keeper;
	int r;

	r = keeper_hold(&job, &keeper);
	if (r)
		log_error("%s: cannot be prepared for a change: cannot start a process: %s",
			  hook->name, strerror(-r));
	else
		run_add_member(run, hook, &keeper, settings, 1);
	return r;
}

static int read_all_settings(struct run *run)
{
	struct hook_settings *settings = calloc(run->list.n_hooks + 1, sizeof(*settings));
	size_t i;

	if (!settings)
		return -ENOMEM;
	/* What is left as it is, is not enabled. */
	for (i = 0; i < run->list.n_hooks; i++)
		if (run_includes(run, &run->list.hooks[i]) &&
		    !run_read_settings(run, &run->list.hooks[i], &settings[i]))
			settings[i].enabled = false;
	run->settings = settings;
	return 0;
}

size_t run_hold(struct run *run)
{
	const struct hook *hook;
	size_t missing = 0, i;

	if (!run->settings && read_all_settings(run))
		return run->list.n_hooks;
	for (i = 0; i < run->list.n_hooks; i++) {
		hook = &run->list.hooks[i];
		if (run_includes(run, hook) && run->settings[i].enabled &&
		    hold_hook(run, hook, &run->settings[i]))
			missing++;
	}
	return missing;
}

bool run_holds(const struct run *run, pid_t pid)
{
	size_t i;

	for (i = 0; i < run->n_members; i++)
		if (run->members[i].keeper.pid == pid)
			return true;
	return false;
}

static int copy_list(const struct hook_list *list, struct hook_list *ret_list)
{
	struct hook_list copy = *list;
	size_t i;

	copy.path = malloc(list->path_size);
	copy.hooks = calloc(list->n_hooks + 1, sizeof(*copy.hooks));
	if (!copy.path || !copy.hooks) {
		hook_list_clear(&copy);
		return -ENOMEM;
	}
	memcpy(copy.path, list->path, list->path_size);
	for (i = 0; i < list->n_hooks; i++) {
		copy.hooks[i] = list->hooks[i];
		copy.hooks[i].directory = copy.path + (list->hooks[i].directory - list->path);
	}
	*ret_list = copy;
	return 0;
}

int run_renew(const struct run *run, struct record *record, struct run **ret_run)
{
	size_t n_hooks = run->list.n_hooks;
	struct run *next = calloc(1, sizeof(*next));

	if (!next)
		return -ENOMEM;
	next->config = run->config;
	next->record = record;
	next->part = run->part;
	next->lock_fd = run->lock_fd;
	next->members = calloc(n_hooks + 1, sizeof(*next->members));
	/* If they were not read yet, they still have to be. */
	if (run->settings)
		next->settings = calloc(n_hooks + 1, sizeof(*next->settings));
	if (!next->members || (run->settings && !next->settings) ||
	    copy_list(&run->list, &next->list)) {
		run_free(next);
		return -ENOMEM;
	}
	if (next->settings)
		memcpy(next->settings, run->settings, n_hooks * sizeof(*next->settings));
	record->incomplete = next->list.incomplete;
	*ret_run = next;
	return 0;
}

void run_release(struct run *run, const struct keeper_order *order)
{
	struct member *member;
	bool incomplete = run->record->incomplete;
	size_t i = 0;

	record_clear(run->record);
	*run->record = order->run;
	run->record->incomplete = incomplete;
	while (i < run->n_members) {
		member = &run->members[i];
		if (event_runs_band(order->run.event, order->run.intent, member->hook->band)) {
			if (!keeper_release(&member->keeper, order)) {
				i++;
				continue;
			}
			close(member->keeper.report_fd);
		} else {
			keeper_give_up(&member->keeper);
		}
		*member = run->members[--run->n_members];
	}
	run_start_missing(run);
}
