/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The order of the hooks of one run. A hook that goes wrong is told in the log
 * and in the record, and the run goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "hook.h"
#include "keeper.h"
#include "log.h"
#include "run.h"
#include "state.h"

enum {
	/* Below it are the random numbers and the guards. */
	FIRST_REPAIR_BAND = 20,
	/* Of a hook whose keeper is killed again and again. */
	MAX_STARTS = 3,
};

/* A hook that its keeper looks after now. */
struct member {
	const struct hook *hook;
	struct keeper keeper;
	unsigned int starts;
};

struct run {
	const struct config *config;
	struct record *record;
	struct hook_list list;
	/* The first hook that was not looked at yet. */
	size_t next;
	/* Room for all hooks of the list. */
	struct member *members;
	size_t n_members;
	unsigned int limit_sec;
	int lock_fd;
	bool stopped;
};

int run_new(const struct config *config, struct record *record, int lock_fd,
	    struct run **ret_run)
{
	struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	run->config = config;
	run->record = record;
	run->lock_fd = lock_fd;
	r = hook_list_read(config->hook_path, log_line, &run->list);
	if (r)
		goto err_run;
	run->members = calloc(run->list.n_hooks + 1, sizeof(*run->members));
	if (!run->members) {
		r = -ENOMEM;
		goto err_list;
	}
	record->incomplete = run->list.incomplete;
	*ret_run = run;
	return 0;

err_list:
	hook_list_clear(&run->list);
err_run:
	free(run);
	return r;
}

struct run *run_free(struct run *run)
{
	if (!run)
		return NULL;
	hook_list_clear(&run->list);
	free(run->members);
	free(run);
	return NULL;
}

static void set_result(struct run *run, const struct hook_result *result)
{
	if (record_set_result(run->record, result))
		log_error("%s: cannot keep its result: out of memory", result->name);
}

/* Is there something to do for this hook, and how? */
static bool is_due(struct run *run, const struct hook *hook, struct hook_settings *ret_settings)
{
	const struct hook_result *result = record_result(run->record, hook->name);
	struct hook_result unusable = { .outcome = OUTCOME_UNUSABLE };
	char error[SETTINGS_ERROR_SIZE];

	if (hook->masked || !event_runs_band(run->record->event, hook->band))
		return false;
	if (result && outcome_settled(result->outcome)) {
		log_info("%s: already done for this ID", hook->name);
		return false;
	}
	if (config_read_hook(run->config, hook->name, ret_settings, error)) {
		/* Perhaps they meant to say enabled=no, but nothing skips a guard. */
		if (hook->band < FIRST_REPAIR_BAND) {
			log_error("%s: run with default settings: %s", hook->name, error);
			*ret_settings = config_hook_defaults(run->config, hook->name);
			return true;
		}
		log_error("%s: not run: %s", hook->name, error);
		strcpy(unusable.name, hook->name);
		set_result(run, &unusable);
		return false;
	}
	if (!ret_settings->enabled)
		log_info("%s: not run: %s/%s.conf says enabled=no", hook->name,
			 run->config->hook_settings_dir, hook->name);
	/* A drill has no siblings. */
	if (run->record->drill)
		ret_settings->jitter_sec = 0;
	return ret_settings->enabled;
}

/* How long may it take, with all that is tried? */
static unsigned int longest(const struct config *config, const struct hook_settings *settings)
{
	unsigned int once = settings->timeout_sec + 2 * config->kill_grace_ms / 1000;

	return settings->jitter_sec + once +
	       settings->retries * (once + config->retry_pause_ms / 1000);
}

static void start_hook(struct run *run, const struct hook *hook,
		       const struct hook_settings *settings, unsigned int starts)
{
	struct hook_result lost = { .outcome = OUTCOME_LOST };
	struct member *member = &run->members[run->n_members];
	const struct job job = {
		.config = run->config, .run = run->record, .hook = hook, .settings = settings,
	};
	unsigned int limit_sec = longest(run->config, settings);
	int r;

	r = keeper_start(&job, run->lock_fd, &member->keeper);
	if (r) {
		log_error("%s: not run: cannot start a process: %s", hook->name, strerror(-r));
		strcpy(lost.name, hook->name);
		set_result(run, &lost);
		return;
	}
	member->hook = hook;
	member->starts = starts;
	run->n_members++;
	if (limit_sec > run->limit_sec)
		run->limit_sec = limit_sec;
}

/* Starts the hooks of the next number that has any to start. */
static void start_number(struct run *run)
{
	struct hook_settings settings;
	const struct hook *hook;
	unsigned int band = 0;

	run->limit_sec = 0;
	for (; run->next < run->list.n_hooks; run->next++) {
		hook = &run->list.hooks[run->next];
		if (run->n_members && hook->band != band)
			return;
		band = hook->band;
		if (is_due(run, hook, &settings))
			start_hook(run, hook, &settings, 1);
	}
}

/* The keeper may have been killed when it had recorded the result, but not told it. */
static void recall(const struct run *run, struct hook_result *result)
{
	struct hook_result recorded;

	if (!state_result(run->config->state_dir, run->record->id_hash, result->name, &recorded) &&
	    outcome_settled(recorded.outcome))
		*result = recorded;
}

/* A hook that nobody knows the end of has ended with its keeper. */
static void restart(struct run *run, const struct member *lost)
{
	struct hook_settings settings;

	/* What it had started did not end with it; without a cgroup nobody knows that. */
	(void)cgroup_clear(lost->hook->name);
	if (run->stopped || lost->starts == MAX_STARTS || !is_due(run, lost->hook, &settings))
		return;
	log_notice("%s: run again", lost->hook->name);
	start_hook(run, lost->hook, &settings, lost->starts + 1);
}

static void collect(struct run *run)
{
	struct keeper_report report;
	struct member *member, ended;
	size_t i = 0;

	while (i < run->n_members) {
		member = &run->members[i];
		if (keeper_collect(&member->keeper, member->hook->name, &report)) {
			i++;
			continue;
		}
		if (report.result.outcome == OUTCOME_LOST)
			recall(run, &report.result);
		if (report.result.outcome == OUTCOME_LOST)
			log_error("%s: the process that looked after it is gone; nobody knows how it ended",
				  report.result.name);
		else if (report.record_error)
			log_error("%s: its end cannot be recorded in %s (it would run again after a restart): %s",
				  report.result.name, run->config->state_dir,
				  strerror(-report.record_error));
		if (!report.called_off)
			set_result(run, &report.result);
		ended = *member;
		*member = run->members[--run->n_members];
		if (report.result.outcome == OUTCOME_LOST)
			restart(run, &ended);
	}
}

size_t run_advance(struct run *run)
{
	collect(run);
	if (!run->n_members)
		start_number(run);
	return run->n_members;
}

int run_choose(struct run *run, const char *hook)
{
	size_t i;

	for (i = 0; i < run->list.n_hooks; i++) {
		if (strcmp(run->list.hooks[i].name, hook))
			continue;
		run->list.hooks[0] = run->list.hooks[i];
		run->list.n_hooks = 1;
		return 0;
	}
	return -ENOENT;
}

void run_stop(struct run *run)
{
	size_t i;

	for (i = 0; i < run->n_members; i++)
		keeper_call_off(&run->members[i].keeper);
	run->next = run->list.n_hooks;
	run->stopped = true;
}

unsigned int run_limit(const struct run *run)
{
	return run->limit_sec;
}
