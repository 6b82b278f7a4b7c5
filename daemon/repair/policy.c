/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a change is taken for. What was said of it is used once: the state says so on
 * disk before any hook gets it, and only then its files are removed.
 */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "config/hook.h"
#include "declared.h"
#include "policy.h"

/*
 * Why an ID that is new at boot is acted on although boot-change says "counter"; NULL: it
 * is not. What is not known for sure counts against it.
 */
static const char *reason_to_act(const struct record *run)
{
	if (strcmp(run->shutdown, "clean"))
		return "the system was not shut down in order before";
	if (!strcmp(run->counter, "other"))
		return "the disk went back, or was copied: what vmgend left outside of it at the last shutdown is something else";
	if (strcmp(run->counter, "same"))
		return "nothing outside the disk tells whether the disk went back";
	if (strcmp(run->hint, "rollback"))
		return "its UUID and MAC addresses are not those on record, or not known";
	if (*run->intent || *run->intent_unused)
		return "the administrator or the host declared an intent";
	return NULL;
}

void policy_weigh(const struct config *config, struct record *run)
{
	const char *reason;

	if (run->event != EVENT_BOOT_CHANGED)
		return;
	log_info("before this boot the system was %s",
		 strcmp(run->shutdown, "clean") ? "not shut down in order, or vmgend could not tell" :
		 "shut down in order");
	run->skipped = config->boot_change == BOOT_CHANGE_IGNORE;
	if (run->skipped)
		log_notice("vmgen-changed.target is not started for it (boot-change = ignore)");
	if (config->boot_change != BOOT_CHANGE_COUNTER)
		return;
	reason = reason_to_act(run);
	run->skipped = !reason;
	if (reason)
		log_notice("this counts as a change: %s (boot-change = counter)", reason);
	else
		log_notice("an ordinary boot to which the host has given a new ID: only the reseed and hooks below 20 answer it, and vmgen-changed.target is not started (boot-change = counter)");
}

bool policy_start(const struct config *config, int state_fd, struct state *state,
		  enum event event, bool same_boot)
{
	struct machine present;
	bool spent = declared_is_spent(state);

	/* The clock that it was taken from began again. */
	if (!same_boot)
		state->run.detected_boottime_usec = 0;
	if (state_fd >= 0)
		(void)declared_clear(config, state_fd, state);
	if (event != EVENT_NONE)
		return true;
	machine_look(config->sysfs, &present);
	if (!strcmp(machine_hint(&state->machine, &present), "clone"))
		declared_warn_of_shared_id();
	return machine_note(&state->machine, &present) || spent != declared_is_spent(state);
}

/*
 * A clone that was cut off has no identity of its own yet, and some hosts give its next boot
 * another ID. Where hooks refuse it was none.
 */
static bool goes_on_as_clone(const struct record *run, const struct record *replaced)
{
	return run->event == EVENT_BOOT_CHANGED && !*run->intent && !*run->intent_unused &&
	       !strcmp(replaced->intent, "clone") && strcmp(replaced->hint, "rollback");
}

/* What it has got already it keeps: services may use that. */
static void go_on_as_clone(struct record *run, const struct record *replaced)
{
	const struct hook_result *result = replaced->results;
	size_t i;

	record_set_intent(run, "clone", replaced->intent_from);
	strcpy(run->name, replaced->name);
	for (i = 0; i < replaced->n_results; i++, result++)
		if (event_is_identity(hook_band(result->name)) && outcome_settled(result->outcome) &&
		    record_set_result(run, result))
			log_error("%s: cannot keep its result: out of memory", result->name);
}

void policy_describe(const struct config *config, int state_fd, struct state *state,
		     const struct record *replaced)
{
	struct record *run = &state->run;
	const char *hint = "unknown";
	char said[RECORD_SAID_SIZE];
	struct machine present;
	bool same;

	machine_look(config->sysfs, &present);
	same = run->event == EVENT_BOOT_CHANGED && !*replaced->hint &&
	       machine_may_be(&state->machine, &present);
	/* A running system goes on with what it read at its boot, in a clone too. */
	if (run->event == EVENT_BOOT_CHANGED)
		hint = machine_hint(&state->machine, &present);
	/* The record already has the machine that the replaced run was for. */
	if (*replaced->hint && strcmp(replaced->hint, hint))
		hint = "unknown";
	(void)machine_note(&state->machine, &present);
	strcpy(run->hint, hint);
	if (state_fd >= 0)
		declared_take(config, state_fd, state, &present, same);
	else
		declared_leave(run, "whether an intent was declared is not known, because %s cannot be opened",
			     config->state_dir);
	if (goes_on_as_clone(run, replaced))
		go_on_as_clone(run, replaced);
	if (run->event == EVENT_ADOPTED && *run->intent)
		log_notice("this is a copy of an image that vmgenctl image prepare has marked: it takes an identity of its own (hooks from 60 to 79)");
	else if (run->event == EVENT_CHANGED || run->event == EVENT_BOOT_CHANGED)
		log_info("by UUID and MAC addresses this machine looks like: %s; declared intent: %s",
			 run->hint, record_said(run, said));
}

int policy_save(const struct config *config, int state_fd, struct state *state)
{
	int r = state_save(state_fd, state);

	if (r && *state->run.intent) {
		/* It was said for this change, and still can be used for it. */
		declared_leave(&state->run, "the intent \"%s\" is kept and not used, because that cannot be recorded in %s: %s",
			     state->run.intent, config->state_dir, file_strerror(r));
		state->intent_spent = false;
		state->image_spent = false;
	}
	/* What is not on disk as used or dropped stays where it is. */
	if (r || !declared_is_spent(state) || declared_clear(config, state_fd, state))
		return r;
	return state_save(state_fd, state);
}
