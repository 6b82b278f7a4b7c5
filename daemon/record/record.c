/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The record of one run, in memory and as JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "config/hook.h"
#include "record.h"

/* What differs less was not stepped. */
#define STEP_USEC	UINT64_C(500000)

static const struct {
	const char *name;
	bool settled;
} outcomes[] = {
	[OUTCOME_SUCCEEDED]		= { "succeeded", true },
	[OUTCOME_NOT_APPLICABLE]	= { "not-applicable", true },
	[OUTCOME_FAILED]		= { "failed", false },
	[OUTCOME_KILLED]		= { "killed", false },
	[OUTCOME_TIMED_OUT]		= { "timed-out", false },
	[OUTCOME_UNUSABLE]		= { "unusable", false },
	[OUTCOME_LOST]			= { "lost", false },
};

const char *outcome_name(enum outcome outcome)
{
	return outcomes[outcome].name;
}

bool outcome_settled(enum outcome outcome)
{
	return outcomes[outcome].settled;
}

void record_clear(struct record *record)
{
	size_t i;

	for (i = 0; i < record->n_results; i++)
		free((char *)record->results[i].output);
	free(record->results);
	*record = (struct record){ .event = EVENT_NONE };
}

bool record_name_valid(const char *name)
{
	static const char characters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t length = strlen(name);

	return length && length < RECORD_NAME_SIZE && strspn(name, characters) == length &&
	       *name != '.' && *name != '-';
}

void record_set_intent(struct record *record, const char *word, const char *from)
{
	strcpy(record->intent, word);
	strcpy(record->intent_from, *word ? from : "");
}

const char *record_said(const struct record *record, char text[RECORD_SAID_SIZE])
{
	if (!*record->intent)
		return "none";
	snprintf(text, RECORD_SAID_SIZE, "%s%s%s (%s)", record->intent, *record->name ? ", " : "",
		 record->name, *record->intent_from ? record->intent_from : "admin");
	return text;
}

static uint64_t now_usec(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

void record_detect(struct record *record)
{
	record->detected_usec = now_usec(CLOCK_REALTIME);
	record->detected_boottime_usec = now_usec(CLOCK_BOOTTIME);
}

void record_finish(struct record *record)
{
	record->finished_usec = now_usec(CLOCK_REALTIME);
	record->finished_boottime_usec = now_usec(CLOCK_BOOTTIME);
}

bool record_duration(const struct record *record, uint64_t *ret_usec)
{
	if (!record->detected_boottime_usec ||
	    record->finished_boottime_usec < record->detected_boottime_usec)
		return false;
	*ret_usec = record->finished_boottime_usec - record->detected_boottime_usec;
	return true;
}

bool record_corrected(const struct record *record, uint64_t *ret_usec)
{
	uint64_t duration, corrected, step;

	if (!record_duration(record, &duration) || record->finished_usec < duration)
		return false;
	corrected = record->finished_usec - duration;
	step = corrected > record->detected_usec ? corrected - record->detected_usec :
	       record->detected_usec - corrected;
	/* A clock that is only slewed gains or loses less. */
	if (step < STEP_USEC + duration / 1000)
		return false;
	*ret_usec = corrected;
	return true;
}

const struct hook_result *record_result(const struct record *record, const char *hook)
{
	size_t i;

	for (i = 0; i < record->n_results; i++)
		if (!strcmp(record->results[i].name, hook))
			return &record->results[i];
	return NULL;
}

/* What the outputs of others than this hook take. */
static size_t outputs_size(const struct record *record, const char *hook)
{
	size_t i, size = 0;

	for (i = 0; i < record->n_results; i++)
		if (record->results[i].output && strcmp(record->results[i].name, hook))
			size += strlen(record->results[i].output) + 1;
	return size;
}

/* Returns false: what is left is of hooks that failed. */
static bool drop_output(struct record *record)
{
	size_t i;

	for (i = 0; i < record->n_results; i++) {
		if (!record->results[i].output || !outcome_settled(record->results[i].outcome))
			continue;
		free((char *)record->results[i].output);
		record->results[i].output = NULL;
		return true;
	}
	return false;
}

/* Returns a copy, or NULL: the result is worth more than this. */
static char *copy_output(struct record *record, const struct hook_result *result)
{
	size_t size;

	if (!result->output || !*result->output)
		return NULL;
	size = strlen(result->output) + 1;
	while (outputs_size(record, result->name) + size > RECORD_OUTPUT_MAX)
		if (outcome_settled(result->outcome) || !drop_output(record))
			return NULL;
	return strdup(result->output);
}

int record_set_result(struct record *record, const struct hook_result *result)
{
	const struct hook_result *old = record_result(record, result->name);
	struct hook_result *place;
	char *output;

	if (!old) {
		place = reallocarray(record->results, record->n_results + 1, sizeof(*place));
		if (!place)
			return -ENOMEM;
		record->results = place;
	}
	output = copy_output(record, result);
	place = &record->results[old ? (size_t)(old - record->results) : record->n_results++];
	if (old)
		free((char *)place->output);
	*place = *result;
	place->output = output;
	return 0;
}

size_t record_failures(const struct record *record)
{
	size_t i, failures = record->incomplete;

	for (i = 0; i < record->n_results; i++)
		failures += !outcome_settled(record->results[i].outcome);
	return failures;
}

static struct json_object *result_to_json(const struct hook_result *result, enum record_view view)
{
	bool shown = result->output && (view == RECORD_OUTPUTS || (view == RECORD_WHOLE &&
			!outcome_settled(result->outcome)));
	struct json_object *json = json_object_new_object();

	if (json &&
	    !json_add(json, "outcome", json_object_new_string(outcome_name(result->outcome))) &&
	    !json_add(json, "status", json_object_new_int(result->status)) &&
	    !json_add(json, "duration_ms", json_object_new_uint64(result->duration_ms)) &&
	    (!shown || !json_add(json, "output", json_object_new_string(result->output))))
		return json;
	json_object_put(json);
	return NULL;
}

struct json_object *record_results_to_json(const struct record *record, enum record_view view)
{
	struct json_object *json = json_object_new_object();
	const struct hook_result *result = record->results;
	size_t i;

	for (i = 0; json && i < record->n_results; i++, result++) {
		if (!json_add(json, result->name, result_to_json(result, view)))
			continue;
		json_object_put(json);
		return NULL;
	}
	return json;
}

/* What of the times is known; the rest is missing. */
static int add_times(const struct record *record, struct json_object *json)
{
	uint64_t usec;

	if (json_add(json, "detected_usec", json_object_new_uint64(record->detected_usec)) ||
	    json_add(json, "finished_usec", json_object_new_uint64(record->finished_usec)) ||
	    json_add(json, "detected_boottime_usec",
		     json_object_new_uint64(record->detected_boottime_usec)) ||
	    json_add(json, "finished_boottime_usec",
		     json_object_new_uint64(record->finished_boottime_usec)) ||
	    (record_duration(record, &usec) &&
	     json_add(json, "duration_usec", json_object_new_uint64(usec))) ||
	    (record_corrected(record, &usec) &&
	     json_add(json, "detected_corrected_usec", json_object_new_uint64(usec))))
		return -ENOMEM;
	return 0;
}

struct json_object *record_to_json(const struct record *record, enum record_view view)
{
	struct json_object *json = json_object_new_object();

	if (json &&
	    !json_add(json, "id_hash", json_object_new_string(record->id_hash)) &&
	    !json_add(json, "event", json_object_new_string(event_name(record->event))) &&
	    !json_add(json, "hint", json_object_new_string(record->hint)) &&
	    !json_add(json, "intent", json_object_new_string(record->intent)) &&
	    !json_add(json, "intent_from", json_object_new_string(record->intent_from)) &&
	    !json_add(json, "name", json_object_new_string(record->name)) &&
	    !json_add(json, "intent_unused", json_object_new_string(record->intent_unused)) &&
	    !json_add(json, "source", json_object_new_string(record->source)) &&
	    !json_add(json, "generation", json_object_new_uint64(record->generation)) &&
	    !add_times(record, json) &&
	    !json_add(json, "reseed_errno", json_object_new_int(-record->reseed_error)) &&
	    !json_add(json, "seed_errno", json_object_new_int(-record->seed_error)) &&
	    !json_add(json, "incomplete", json_object_new_boolean(record->incomplete)) &&
	    !json_add(json, "shutdown", json_object_new_string(record->shutdown)) &&
	    !json_add(json, "counter", json_object_new_string(record->counter)) &&
	    !json_add(json, "skipped", json_object_new_boolean(record->skipped)) &&
	    !tally_add_json(&record->sentinels, json) &&
	    !json_add(json, "hooks", record_results_to_json(record, view)))
		return json;
	json_object_put(json);
	return NULL;
}

int record_add_json(const struct record *record, enum record_view view,
		    struct json_object *json, const char *key)
{
	return *record->id_hash ? json_add(json, key, record_to_json(record, view)) : 0;
}

static int result_from_json(const char *name, struct json_object *json,
			    struct hook_result *ret_result)
{
	struct hook_result result = { .outcome = OUTCOME_SUCCEEDED };
	const char *word;
	uint64_t status;
	size_t i;

	if (!hook_name_valid(name) || json_get_text(json, "outcome", &word) ||
	    json_get_number(json, "status", &status) || status > 255 ||
	    json_get_number(json, "duration_ms", &result.duration_ms) ||
	    (json_object_object_get_ex(json, "output", NULL) &&
	     json_get_text(json, "output", &result.output)))
		return -EBADMSG;
	strcpy(result.name, name);
	result.status = status;
	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		if (strcmp(outcomes[i].name, word))
			continue;
		result.outcome = i;
		*ret_result = result;
		return 0;
	}
	return -EBADMSG;
}

static int results_from_json(struct json_object *hooks, struct record *record)
{
	struct json_object_iterator it, end;
	struct hook_result result;
	int r;

	it = json_object_iter_begin(hooks);
	end = json_object_iter_end(hooks);
	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		r = result_from_json(json_object_iter_peek_name(&it),
				     json_object_iter_peek_value(&it), &result);
		if (!r)
			r = record_set_result(record, &result);
		if (r)
			return r;
	}
	return 0;
}

static int word_from_json(struct json_object *json, const char *key,
			  char ret_word[RECORD_WORD_SIZE])
{
	const char *word;

	if (json_get_text(json, key, &word) || strlen(word) >= RECORD_WORD_SIZE ||
	    strspn(word, "abcdefghijklmnopqrstuvwxyz_") != strlen(word))
		return -EBADMSG;
	strcpy(ret_word, word);
	return 0;
}

static int text_from_json(struct json_object *json, const char *key,
			  char ret_text[RECORD_TEXT_SIZE])
{
	const char *text, *p;

	if (json_get_text(json, key, &text))
		return -EBADMSG;
	for (p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			return -EBADMSG;
	if (p - text >= RECORD_TEXT_SIZE)
		return -EBADMSG;
	strcpy(ret_text, text);
	return 0;
}

static int name_from_json(struct json_object *json, char ret_name[RECORD_NAME_SIZE])
{
	const char *name;

	if (json_get_text(json, "name", &name) || (*name && !record_name_valid(name)))
		return -EBADMSG;
	strcpy(ret_name, name);
	return 0;
}

static int flag_from_json(struct json_object *json, const char *key, bool *ret_flag)
{
	struct json_object *flag;

	if (!json_object_object_get_ex(json, key, &flag) ||
	    !json_object_is_type(flag, json_type_boolean))
		return -EBADMSG;
	*ret_flag = json_object_get_boolean(flag);
	return 0;
}

int record_from_json(struct json_object *json, struct record *ret_record)
{
	struct record record = { .event = EVENT_NONE };
	const char *hash, *event;
	struct json_object *hooks;
	uint64_t error, seed_error;
	int r;

	if (json_get_text(json, "id_hash", &hash) || !hash_valid(hash) ||
	    json_get_text(json, "event", &event) || event_parse(event, &record.event) ||
	    record.event == EVENT_NONE || record.event == EVENT_TEST ||
	    word_from_json(json, "hint", record.hint) ||
	    word_from_json(json, "intent", record.intent) ||
	    word_from_json(json, "intent_from", record.intent_from) ||
	    name_from_json(json, record.name) ||
	    text_from_json(json, "intent_unused", record.intent_unused) ||
	    word_from_json(json, "source", record.source) ||
	    word_from_json(json, "shutdown", record.shutdown) ||
	    word_from_json(json, "counter", record.counter) ||
	    json_get_number(json, "generation", &record.generation) ||
	    json_get_number(json, "detected_usec", &record.detected_usec) ||
	    json_get_number(json, "finished_usec", &record.finished_usec) ||
	    json_get_number(json, "detected_boottime_usec", &record.detected_boottime_usec) ||
	    json_get_number(json, "finished_boottime_usec", &record.finished_boottime_usec) ||
	    json_get_number(json, "reseed_errno", &error) || error > 4095 ||
	    json_get_number(json, "seed_errno", &seed_error) || seed_error > 4095 ||
	    flag_from_json(json, "incomplete", &record.incomplete) ||
	    flag_from_json(json, "skipped", &record.skipped) ||
	    tally_from_json(json, &record.sentinels) ||
	    !json_object_object_get_ex(json, "hooks", &hooks) ||
	    !json_object_is_type(hooks, json_type_object))
		return -EBADMSG;
	strcpy(record.id_hash, hash);
	record.reseed_error = -(int)error;
	record.seed_error = -(int)seed_error;
	r = results_from_json(hooks, &record);
	if (r) {
		record_clear(&record);
		return r;
	}
	*ret_record = record;
	return 0;
}
