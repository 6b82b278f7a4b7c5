/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What was said that a change is. What lies in a file is used once, and where its removal
 * was cut off, the state tells that it is left over. The word of the host names the ID that
 * it is for, and is used up when that is on record as handled.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/paths.h"
#include "declared.h"
#include "record/hostplace.h"
#include "record/imagefile.h"
#include "record/intentfile.h"
#include "witness/witness.h"

/* As intent_from of a record. */
#define IMAGE	"image"

bool declared_is_spent(const struct state *state)
{
	return state->intent_spent || state->image_spent;
}

int declared_clear(const struct config *config, int state_fd, struct state *state)
{
	int r = 0;

	if (state->image_spent)
		r = image_remove(state_fd);
	state->image_spent = r;
	if (r)
		log_error("cannot remove the mark of an image that was used (vmgenctl image undo): %s; it is not used again",
			  file_strerror(r));
	if (!state->intent_spent)
		return 0;
	r = intent_remove(state_fd, config->intent_file);
	state->intent_spent = r;
	if (r)
		log_error("cannot remove an intent that was used (%s, or vmgenctl intent): %s; it is not used again, and a new one only when it is gone",
			  config->intent_file, file_strerror(r));
	return r;
}

void declared_leave(struct record *run, const char *format, ...)
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

static void take_intent(const struct config *config, int state_fd, struct state *state)
{
	char word[RECORD_WORD_SIZE], error[INTENT_ERROR_SIZE];
	struct record *run = &state->run;
	bool said;
	int r;

	r = declared_clear(config, state_fd, state);
	if (r) {
		declared_leave(run, "an intent that was used before cannot be removed, so one that was declared since is not used: %s",
			     file_strerror(r));
		return;
	}
	r = intent_read(state_fd, config->intent_file, word, &said, error);
	if (r)
		declared_leave(run, "intent: %s", error);
	if (!said)
		return;
	state->intent_spent = true;
	/* Whether it was used before is not known where there is no good record. */
	if (run->event == EVENT_CHANGED || run->event == EVENT_BOOT_CHANGED)
		record_set_intent(run, word, INTENT_ADMIN);
	else if (*word && strcmp(word, run->intent))
		declared_leave(run, "the intent \"%s\" is dropped: it was for a change, and this is \"%s\"",
			     word, event_name(run->event));
}

void declared_warn_of_shared_id(void)
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
		declared_leave(run, "the mark of an image, %s/" NAME_IMAGE ": %s", config->state_dir,
			     reason);
		return false;
	}
	if (strcmp(run->source, witness_name(WITNESS_VMGENID)))
		return false;
	/* What is on record may be the copy already, if it had the ID of the original at first. */
	strcpy(run->hint, machine_may_be(&image.machine, present) ? "rollback" :
	       machine_hint(&image.machine, present));
	if (image_is_copy(&image, run->id_hash))
		record_set_intent(run, "clone", IMAGE);
	else if (!strcmp(run->hint, "clone"))
		declared_warn_of_shared_id();
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

/* What is not on disk as handled, or cannot be read, was not used. */
static bool is_handled(int state_fd, const char *id_hash)
{
	struct state state = { .boot_id = "" };
	bool handled = !state_load(state_fd, &state, NULL) && !strcmp(state.handled, id_hash);

	state_clear(&state);
	return handled;
}

/* Returns why a good word does not count for the run; NULL: it does. */
static const char *reason_to_ignore(int state_fd, const struct record *run, const struct hostword *word)
{
	if (strcmp(run->source, witness_name(WITNESS_VMGENID)))
		return "without the module nobody knows the ID that it has to name";
	if (strcmp(word->id_hash, run->id_hash))
		return HOSTPLACE_STALE;
	if (is_handled(state_fd, run->id_hash))
		return HOSTPLACE_SPENT;
	if (*run->intent_unused)
		return "another declared intent cannot be used";
	if (run->event == EVENT_UNKNOWN)
		return "there is no usable record to tell whether it was used";
	if (run->event == EVENT_ADOPTED && !*run->intent)
		return "there is no record to tell whether it was used, and no mark of vmgenctl image prepare tells that this is a copy";
	return NULL;
}

/* The mark of an image knows that this is a copy, but not what the copy is for. */
static void take_word(struct record *run, const struct hostword *word, const char *from)
{
	bool marked = !strcmp(run->intent_from, IMAGE);
	char said[RECORD_SAID_SIZE];

	if ((*run->intent && !marked && strcmp(run->intent, word->intent)) ||
	    (*run->name && *word->name && strcmp(run->name, word->name))) {
		declared_leave(run, "the declared intents differ (%s; %s%s%s (%s)), so none of them is used",
			       record_said(run, said), word->intent, *word->name ? ", " : "",
			       word->name, from);
		return;
	}
	if (!*run->intent || marked)
		record_set_intent(run, word->intent, from);
	if (*word->name)
		strcpy(run->name, word->name);
}

static void take_words(const struct config *config, int state_fd, struct record *run)
{
	char reason[HOSTWORD_REASON_SIZE];
	struct hostword word;
	const char *ignored;
	size_t i;
	int r;

	for (i = 0; i < HOSTPLACES; i++) {
		if (run->event == EVENT_CHANGED && !hostplace_is_live(i))
			continue;
		r = hostplace_read(i, config->sysfs, getenv("CREDENTIALS_DIRECTORY"), &word, reason);
		if (r == -ENOENT)
			continue;
		ignored = r ? reason : reason_to_ignore(state_fd, run, &word);
		if (ignored)
			log_notice("what the host declares in %s is not used: %s", hostplace_name(i),
				   ignored);
		else
			take_word(run, &word, hostplace_name(i));
		if (!r && word.unknown_keys)
			log_notice("what the host declares in %s has keys that this vmgend does not know, and ignores",
				   hostplace_name(i));
	}
}

void declared_take(const struct config *config, int state_fd, struct state *state,
		   const struct machine *present, bool same)
{
	struct record *run = &state->run;
	bool image = take_image(config, state_fd, state, present);

	take_intent(config, state_fd, state);
	take_words(config, state_fd, run);
	if (same && !strcmp(run->intent, "clone") && strcmp(run->intent_from, IMAGE) &&
	    !strcmp(run->hint, "unknown"))
		strcpy(run->hint, "rollback");
	/* It stands for the copies to come where the hooks refuse, as in the original. */
	if (image && !strcmp(run->intent, "clone") && strcmp(run->hint, "rollback"))
		state->image_spent = true;
	else if (image && !strcmp(run->intent, "restore"))
		move_image(config, state_fd, run, present);
}
