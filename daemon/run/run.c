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
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "config/hook.h"
#include "muster.h"
#include "process/cgroup.h"
#include "record/statefile.h"

/* Of a hook whose keeper is killed again and again. */
enum { MAX_STARTS = 3 };

int run_new(const struct config *config, struct record *record, enum run_part part, int lock_fd,
	    struct run **ret_run)
{
	struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	run->config = config;
	run->record = record;
	run->part = part;
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
	size_t i;

	if (!run)
		return NULL;
	for (i = 0; i < run->n_members; i++)
		if (run->members[i].keeper.order_fd >= 0)
			keeper_give_up(&run->members[i].keeper);
	hook_list_clear(&run->list);
	free(run->settings);
	free(run->members);
	free(run);
	return NULL;
}

/* For a hook that could not be run to its end. */
static struct log_fields about(const struct run *run, const char *hook, enum outcome outcome)
{
	return (struct log_fields){
		.message = MESSAGE_HOOK_FAILED, .hook = hook, .outcome = outcome_name(outcome),
		.event = event_name(run->record->event), .generation = run->record->generation,
	};
}

static void set_result(struct run *run, const struct hook_result *result)
{
	if (record_set_result(run->record, result))
		log_error("%s: cannot keep its result: out of memory", result->name);
}

/* However it ended, that is known. */
static bool has_ended(const struct run *run, const struct hook *hook)
{
	const struct hook_result *result = record_result(run->record, hook->name);

	return result && result->outcome != OUTCOME_LOST;
}

bool run_includes(const struct run *run, const struct hook *hook)
{
	if (hook->masked)
		return false;
	switch (run->part) {
	case RUN_ALL:
		return true;
	case RUN_GUARDS:
		return event_is_guard(hook->band);
	case RUN_REST:
		return !event_is_guard(hook->band) || !has_ended(run, hook);
	}
	return false;
}

bool run_read_settings(struct run *run, const struct hook *hook,
		       struct hook_settings *ret_settings)
{
	struct hook_result unusable = { .outcome = OUTCOME_UNUSABLE };
	struct log_fields fields = about(run, hook->name, OUTCOME_UNUSABLE);
	char error[SETTINGS_ERROR_SIZE];

	if (run->settings) {
		*ret_settings = run->settings[hook - run->list.hooks];
		return true;
	}
	if (config_read_hook(run->config, hook->name, ret_settings, error)) {
		/* Perhaps they meant to say enabled=no, but nothing skips a guard. */
		if (event_is_guard(hook->band)) {
			log_error("%s: run with default settings: %s", hook->name, error);
			*ret_settings = config_hook_defaults(run->config, hook->name);
			return true;
		}
		log_event(LOG_ERR, &fields, "%s: not run: %s", hook->name, error);
		strcpy(unusable.name, hook->name);
		set_result(run, &unusable);
		return false;
	}
	/* A drill has no siblings, and at boot all other services wait. */
	if (run->record->drill || run->record->event != EVENT_CHANGED)
		ret_settings->jitter_sec = 0;
	return true;
}

/* Is there something to do for this hook, and how? */
static bool is_due(struct run *run, const struct hook *hook, struct hook_settings *ret_settings)
{
	const struct hook_result *result = record_result(run->record, hook->name);

	if (!run_includes(run, hook) ||
	    !event_runs_band(run->record->event, run->record->intent, hook->band))
		return false;
	if (result && outcome_settled(result->outcome)) {
		log_info("%s: already done for this ID", hook->name);
		return false;
	}
	if (!run_read_settings(run, hook, ret_settings))
		return false;
	if (!ret_settings->enabled)
		log_info("%s: not run: %s/%s.conf says enabled=no", hook->name,
			 run->config->hook_settings_dir, hook->name);
	return ret_settings->enabled;
}

/* How long may it take, with all that is tried? */
static unsigned int longest(const struct config *config, const struct hook_settings *settings)
{
	unsigned int once = settings->timeout_sec + 2 * config->kill_grace_ms / 1000;

	return settings->jitter_sec + once +
	       settings->retries * (once + config->retry_pause_ms / 1000);
}

void run_add_member(struct run *run, const struct hook *hook, const struct keeper *keeper,
		    const struct hook_settings *settings, unsigned int starts)
{
	unsigned int limit_sec = longest(run->config, settings);

	run->members[run->n_members++] = (struct member){
		.hook = hook, .keeper = *keeper, .starts = starts,
	};
	if (limit_sec > run->limit_sec)
		run->limit_sec = limit_sec;
}

static void start_hook(struct run *run, const struct hook *hook,
		       const struct hook_settings *settings, unsigned int starts)
{
	struct hook_result lost = { .outcome = OUTCOME_LOST };
	const struct job job = {
		.config = run->config, .run = run->record, .hook = hook, .settings = settings,
	};
	struct log_fields fields = about(run, hook->name, OUTCOME_LOST);
	struct keeper keeper;
	int r;

	r = keeper_start(&job, run->lock_fd, &keeper);
	if (!r) {
		run_add_member(run, hook, &keeper, settings, starts);
		return;
	}
	log_event(LOG_ERR, &fields, "%s: not run: cannot start a process: %s", hook->name,
		  strerror(-r));
	strcpy(lost.name, hook->name);
	set_result(run, &lost);
}

static bool is_held(const struct run *run, const struct hook *hook)
{
	size_t i;

	for (i = 0; i < run->n_members; i++)
		if (run->members[i].hook == hook)
			return true;
	return false;
}

void run_start_missing(struct run *run)
{
	struct hook_settings settings;
	const struct hook *hook;
	size_t i;

	for (i = 0; i < run->list.n_hooks; i++) {
		hook = &run->list.hooks[i];
		if (!is_held(run, hook) && is_due(run, hook, &settings))
			start_hook(run, hook, &settings, 1);
	}
	run->next = run->list.n_hooks;
}

/* Nothing waits for a guard, no other guard either. */
static unsigned int turn_of(const struct hook *hook)
{
	return event_is_guard(hook->band) ? 0 : hook->band;
}

/* Starts all guards, or the hooks of the next number that has any to start. */
static void start_number(struct run *run)
{
	struct hook_settings settings;
	const struct hook *hook;
	unsigned int turn = 0;

	run->limit_sec = 0;
	for (; run->next < run->list.n_hooks; run->next++) {
		hook = &run->list.hooks[run->next];
		if (run->n_members && turn_of(hook) != turn)
			return;
		turn = turn_of(hook);
		if (is_due(run, hook, &settings))
			start_hook(run, hook, &settings, 1);
	}
}

void run_begin_guards(struct run *run)
{
	struct hook_settings settings;
	const struct hook *hook;

	/* They come first in the list. */
	for (; run->next < run->list.n_hooks; run->next++) {
		hook = &run->list.hooks[run->next];
		if (!event_is_guard(hook->band))
			return;
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
	struct leftover left;

	/* What it had started did not end with it; without a cgroup nobody knows that. */
	(void)cgroup_clear(lost->hook->name, &left);
	if (run->stopped || lost->starts == MAX_STARTS || !is_due(run, lost->hook, &settings))
		return;
	log_notice("%s: run again", lost->hook->name);
	start_hook(run, lost->hook, &settings, lost->starts + 1);
}

static void collect(struct run *run)
{
	struct keeper_report report;
	struct member *member, ended;
	struct log_fields fields;
	size_t i = 0;

	while (i < run->n_members) {
		member = &run->members[i];
		if (keeper_collect(&member->keeper, member->hook->name, &report)) {
			i++;
			continue;
		}
		ended = *member;
		*member = run->members[--run->n_members];
		if (report.called_off)
			continue;
		/* The guardian waits for no disk, and guards may run again. */
		if (report.record_error == -EPIPE && run->part != RUN_GUARDS)
			recall(run, &report.result);
		fields = about(run, report.result.name, report.result.outcome);
		if (report.result.outcome == OUTCOME_LOST && report.record_error == -EPIPE)
			log_event(LOG_ERR, &fields,
				  "%s: its keeper is gone, so nobody knows how it ended",
				  report.result.name);
		else if (report.record_error && report.record_error != -EPIPE)
			log_error("%s: its result cannot be recorded in %s (it would run again after a restart): %s",
				  report.result.name, run->config->state_dir,
				  report.record_error == -ESTALE ? "the start of the run was not recorded either" :
				  file_strerror(report.record_error));
		set_result(run, &report.result);
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

void run_retry(struct run *run)
{
	struct hook_settings settings;
	const struct hook *hook;
	size_t i;

	for (i = 0; i < run->list.n_hooks; i++) {
		hook = &run->list.hooks[i];
		if (!has_ended(run, hook) && is_due(run, hook, &settings))
			start_hook(run, hook, &settings, 1);
	}
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

size_t run_keep(struct run *run, const struct record *record,
		bool (*wants)(const struct hook_result *result))
{
	const struct hook_result *result;
	size_t i, kept = 0;

	for (i = 0; i < run->list.n_hooks; i++) {
		result = record_result(record, run->list.hooks[i].name);
		if (result && wants(result))
			run->list.hooks[kept++] = run->list.hooks[i];
	}
	run->list.n_hooks = kept;
	return kept;
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
