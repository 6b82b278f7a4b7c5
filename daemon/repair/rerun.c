/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Hooks of the run that finished last, once more. Nothing is written before they
 * have ended: who is killed meanwhile can be asked again.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "record/intentfile.h"
#include "report.h"
#include "rerun.h"

static bool has_failed(const struct hook_result *result)
{
	return !outcome_settled(result->outcome);
}

static bool waits_for_intent(const struct hook_result *result)
{
	return result->outcome == OUTCOME_NOT_APPLICABLE;
}

static const struct {
	const char *name, *intent, *nothing;
	bool (*wants)(const struct hook_result *result);
} reruns[] = {
	[RERUN_NONE]	= { .name = "" },
	/* It is no mistake that nothing failed. */
	[RERUN_FAILED]	= { "failed", "", NULL, has_failed },
	[RERUN_CLONE]	= { "clone", "clone",
			    "no hook of the last run waited for an intent (at a boot none does: vmgenctl intent clone, then vmgenctl trigger --real)",
			    waits_for_intent },
};

const char *rerun_name(enum rerun rerun)
{
	return reruns[rerun].name;
}

int rerun_parse(const char *name, enum rerun *ret_rerun)
{
	size_t i;

	for (i = 0; i < sizeof(reruns) / sizeof(reruns[0]); i++) {
		if (strcmp(reruns[i].name, name))
			continue;
		*ret_rerun = i;
		return 0;
	}
	return -EINVAL;
}

/* Returns whether that is known; ret_word: what waits for the next change, or empty. */
static bool look_for_intent(const struct repair *repair, char ret_word[RECORD_WORD_SIZE])
{
	char error[INTENT_ERROR_SIZE];
	bool said;
	int fd, r;

	r = state_open(repair->config->state_dir, &fd);
	if (r)
		return false;
	r = intent_read(fd, repair->config->intent_file, ret_word, &said, error);
	close(fd);
	/* What was used already counts no more. */
	if (repair->state.intent_spent)
		*ret_word = '\0';
	return !r;
}

static const char *refuse_intent(const struct repair *repair, const char *word)
{
	const struct record *last = &repair->state.last;
	char waiting[RECORD_WORD_SIZE];

	if (last->event != EVENT_CHANGED && last->event != EVENT_BOOT_CHANGED)
		return "there is no record of a change that was handled";
	if (*last->intent)
		return "an intent was used for the last change already (vmgenctl history)";
	if (!look_for_intent(repair, waiting))
		return "the intent for the next change cannot be read (vmgenctl intent show)";
	if (*waiting && strcmp(waiting, word))
		return "another intent waits for the next change (vmgenctl intent clear)";
	return NULL;
}

const char *rerun_begin(struct repair *repair, enum rerun rerun, struct record *record,
			struct run **ret_run)
{
	const char *intent = reruns[rerun].intent, *refusal = NULL;
	struct record *last = &repair->state.last;
	uint64_t detected_usec = record->detected_usec;
	struct run *run;

	if (!*last->id_hash)
		return "there is no record of a run that has finished";
	if (*intent)
		refusal = refuse_intent(repair, intent);
	if (refusal)
		return refusal;
	*record = *last;
	record->results = NULL;
	record->n_results = 0;
	record->drill = true;
	record->detected_usec = detected_usec;
	record->finished_usec = 0;
	if (*intent)
		record_set_intent(record, intent, INTENT_ADMIN);
	if (run_new(repair->config, record, RUN_ALL, repair->lock_fd, &run))
		return "the hooks cannot be prepared";
	if (!run_keep(run, last, reruns[rerun].wants) && reruns[rerun].nothing) {
		run_free(run);
		return reruns[rerun].nothing;
	}
	if (rerun == RERUN_FAILED && last->reseed_error)
		last->reseed_error = repair_reseed(&repair->seen);
	*ret_run = run;
	return NULL;
}

void rerun_finish(struct repair *repair, enum rerun rerun, const struct record *record)
{
	struct record *last = &repair->state.last;
	const char *intent = reruns[rerun].intent;
	char waiting[RECORD_WORD_SIZE];
	struct log_fields fields;
	size_t i;

	for (i = 0; i < record->n_results; i++)
		if (record_set_result(last, &record->results[i]))
			log_error("%s: cannot keep its result: out of memory", record->results[i].name);
	if (*intent) {
		record_set_intent(last, intent, INTENT_ADMIN);
		/* Somebody has decided. */
		*last->intent_unused = '\0';
		/* The same, said before, was for this change, not for the next one. */
		if (look_for_intent(repair, waiting) && !strcmp(waiting, intent))
			repair->state.intent_spent = true;
		repair->state.image_spent = true;
	}
	repair_update(repair);
	fields = report_fields(last);
	log_event(LOG_NOTICE, &fields, "generation %" PRIu64 ": hooks run again: %zu, failed: %zu; failed in all: %zu",
		  last->generation, record->n_results, record_failures(record),
		  record_failures(last));
}
