/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a change is taken for. The intent is used once: the state says so on disk
 * before any hook gets it, and only then its files are removed. Where that was cut
 * off, the state tells that they are left over.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/paths.h"
#include "config/hook.h"
#include "policy.h"
#include "record/imagefile.h"
#include "record/intentfile.h"
#include "witness/witness.h"

static bool is_spent(const struct state *state)
{
	return state->intent_spent || state->image_spent;
}

/* Returns 0: no intent that was used is left in its place; or -errno. */
static int clear_spent(const struct config *config, int state_fd, struct state *state)
{
	int r = 0;

	if (state->image_spent)
		r = image_remove(state_fd);
	state->image_spent = r;
	if (r)
		log_error("cannot remove the mark of an image that was used (vmgenctl image undo): %s; it counts no more",
			  file_strerror(r));
	if (!state->intent_spent)
		return 0;
	r = intent_remove(state_fd, config->intent_file);
	state->intent_spent = r;
	if (r)
		log_error("cannot remove an intent that was used (%s, or vmgenctl intent): %s; it counts no more, and a new one does not before it is gone",
			  config->intent_file, file_strerror(r));
	return r;
}

/* Nothing that was said goes unused in silence: it is part of the record. */
static void __attribute__((format(printf, 2, 3)))
leave_unused(struct record *run, const char *format, ...)
{
	va_list args;
	char *p;

	va_start(args, format);
	vsnprintf(run->intent_unused, sizeof(run->intent_unused), format, args);
	va_end(args);
	/* Names of files may hold anything. */
	for (p = run->intent_unused; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	*run->intent = *run->intent_from = *run->name = '\0';
	log_error("%s; " INTENT_REMEDY, run->intent_unused);
}

/* An empty word says nothing. */
static void set_intent(struct record *run, const char *word, const char *from)
{
	strcpy(run->intent, word);
	strcpy(run->intent_from, *word ? from : "");
}

/*
 * same: this may be the very machine that is on record. At a boot no driver of a network card
 * may be loaded yet, and the word may have been left in the original, to which some hosts give
 * a new ID, too.
 */
static void take_intent(const struct config *config, int state_fd, struct state *state, bool same)
{
	char word[RECORD_WORD_SIZE], error[INTENT_ERROR_SIZE];
	struct record *run = &state->run;
	bool said;
	int r;

	r = clear_spent(config, state_fd, state);
	if (r) {
		leave_unused(run, "an intent that was used before cannot be removed, so one that was said since would not count: %s",
			     file_strerror(r));
		return;
	}
	r = intent_read(state_fd, config->intent_file, word, &said, error);
	if (r)
		leave_unused(run, "intent: %s", error);
	if (!said)
		return;
	state->intent_spent = true;
	/* Whether it was used before is not known where there is no good record. */
	if (run->event == EVENT_CHANGED || run->event == EVENT_BOOT_CHANGED)
		set_intent(run, word, "admin");
	else if (*word && strcmp(word, run->intent))
		leave_unused(run, "the intent \"%s\" is dropped: it was for a change, and this is \"%s\"",
			     word, event_name(run->event));
	if (same && !strcmp(run->intent, "clone") && !strcmp(run->hint, "unknown"))
		strcpy(run->hint, "rollback");
}

static void warn_of_shared_id(void)
{
	log_warning("this machine looks like a clone, with another UUID and other MAC addresses, but its ID is the same: the host must give each clone a GUID of its own");
}

/*
 * A copy of an image is a clone, when it starts as one. Returns whether there is a mark that
 * can be used. A vmgend that has to do without an ID cannot tell a copy.
 */
static bool take_image(const struct config *config, int state_fd, struct state *state,
		       const struct machine *present)
{
	struct record *run = &state->run;
	const char *reason;
	struct image image;
	int r = image_read(state_fd, &image, &reason);

	if (r == -ENOENT || state->image_spent)
		return false;
	if (run->event != EVENT_ADOPTED && run->event != EVENT_BOOT_CHANGED)
		return !r;
	if (r) {
		leave_unused(run, "the mark of an image, %s/" NAME_IMAGE ": %s", config->state_dir,
			     reason);
		return false;
	}
	if (strcmp(run->source, witness_name(WITNESS_VMGENID)))
		return false;
	/* What is on record may be the copy already, if it had the ID of the original at first. */
	strcpy(run->hint, machine_may_be(&image.machine, present) ? "rollback" :
	       machine_hint(&image.machine, present));
	if (image_is_copy(&image, run->id_hash))
		set_intent(run, "clone", "image");
	else if (!strcmp(run->hint, "clone"))
		warn_of_shared_id();
	return true;
}

/* Or the next rollback on this machine would be taken for a copy of the one before. */
static void move_image(const struct config *config, int state_fd, const struct record *run,
		       const struct machine *present)
{
	struct image image = { .machine = *present };
	int r;

	/* What was made up says nothing of another boot. */
	if (strcmp(run->source, witness_name(WITNESS_VMGENID)))
		return;
	strcpy(image.id_hash, run->id_hash);
	r = image_write(state_fd, &image);
	if (r)
		log_error("cannot write into %s/" NAME_IMAGE " that this is the original: %s; the next change may be taken for a copy (vmgenctl image undo)",
			  config->state_dir, file_strerror(r));
}

static void take_declared(const struct config *config, int state_fd, struct state *state,
			  const struct machine *present, bool same)
{
	struct record *run = &state->run;
	bool image = take_image(config, state_fd, state, present);

	take_intent(config, state_fd, state, same);
	/* It stands for the copies to come where the hooks refuse, as in the original. */
	if (image && !strcmp(run->intent, "clone") && strcmp(run->hint, "rollback"))
		state->image_spent = true;
	else if (image && !strcmp(run->intent, "restore"))
		move_image(config, state_fd, run, present);
}

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
		return "the administrator said what this is";
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
	bool spent = is_spent(state);

	/* The clock that it was taken from began anew. */
	if (!same_boot)
		state->run.detected_boottime_usec = 0;
	if (state_fd >= 0)
		(void)clear_spent(config, state_fd, state);
	if (event != EVENT_NONE)
		return true;
	machine_look(config->sysfs, &present);
	if (!strcmp(machine_hint(&state->machine, &present), "clone"))
		warn_of_shared_id();
	return machine_note(&state->machine, &present) || spent != is_spent(state);
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

	set_intent(run, "clone", replaced->intent_from);
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
		take_declared(config, state_fd, state, &present, same);
	else
		leave_unused(run, "whether an intent was said is not known, because %s cannot be opened",
			     config->state_dir);
	if (goes_on_as_clone(run, replaced))
		go_on_as_clone(run, replaced);
	if (run->event == EVENT_ADOPTED && *run->intent)
		log_notice("this is a copy of an image that vmgenctl image prepare has marked: it takes an identity of its own (hooks from 60 to 79)");
	else if (run->event == EVENT_CHANGED || run->event == EVENT_BOOT_CHANGED)
		log_info("by UUID and MAC addresses this looks like: %s; the administrator said: %s",
			 run->hint, *run->intent ? run->intent : "nothing");
}

int policy_save(const struct config *config, int state_fd, struct state *state)
{
	int r = state_save(state_fd, state);

	if (r && *state->run.intent) {
		/* It was said for this change, and still can be used for it. */
		leave_unused(&state->run, "the intent \"%s\" is kept and not used, because that cannot be recorded in %s: %s",
			     state->run.intent, config->state_dir, file_strerror(r));
		state->intent_spent = false;
		state->image_spent = false;
	}
	/* What is not on disk as used or dropped stays where it is. */
	if (r || !is_spent(state) || clear_spent(config, state_fd, state))
		return r;
	return state_save(state_fd, state);
}
