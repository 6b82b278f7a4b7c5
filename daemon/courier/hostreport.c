/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The report, as a line of JSON and as the text of a notification: both have the same
 * members, in the same order.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "hostreport.h"

enum {
	REPORT_VERSION = 1,
	/* What all else takes is far less than what is left. */
	NAMES_MAX = HOSTREPORT_SIZE - 1024,
};

static const char *outcome_of(const struct hostreport *report)
{
	const struct record *run = report->run;

	if (!report->ended)
		return "unchanged";
	/* A generator that was never seeded takes the ID in when it is. */
	if (record_failures(run) || *run->intent_unused || run->event == EVENT_UNKNOWN ||
	    (run->reseed_error && run->reseed_error != -ENODATA))
		return "failed";
	if (run->event == EVENT_ADOPTED)
		return "adopted";
	return run->skipped ? "skipped" : "repaired";
}

/* Returns a new array of names that the caller puts; NULL: no memory. */
static struct json_object *failed_hooks(const struct record *run)
{
	struct json_object *names = json_object_new_array(), *name;
	size_t i, size = 0;

	for (i = 0; names && i < run->n_results; i++) {
		if (outcome_settled(run->results[i].outcome))
			continue;
		size += strlen(run->results[i].name) + 3;
		if (size > NAMES_MAX)
			break;
		name = json_object_new_string(run->results[i].name);
		if (name && !json_object_array_add(names, name))
			continue;
		json_object_put(name);
		json_object_put(names);
		return NULL;
	}
	return names;
}

/* Of an earlier ID the last run says nothing of this one. */
static struct json_object *to_json(const struct hostreport *report)
{
	static const struct record none = { .event = EVENT_NONE };
	struct json_object *json = json_object_new_object();
	const struct record *run = report->run;

	if (!report->ended && strcmp(run->id_hash, report->id_hash))
		run = &none;
	if (json &&
	    !json_add(json, "vmgen", json_object_new_int(REPORT_VERSION)) &&
	    !json_add(json, "event", json_object_new_string(
		      event_name(report->ended ? run->event : EVENT_NONE))) &&
	    !json_add(json, "outcome", json_object_new_string(outcome_of(report))) &&
	    !json_add(json, "id_hash", json_object_new_string(report->id_hash)) &&
	    !json_add(json, "intent", json_object_new_string(run->intent)) &&
	    !json_add(json, "name", json_object_new_string(run->name)) &&
	    !json_add(json, "failed", failed_hooks(run)) &&
	    !json_add(json, "failures", json_object_new_int(record_failures(run))) &&
	    !json_add(json, "detected_usec", json_object_new_uint64(run->detected_usec)) &&
	    !json_add(json, "finished_usec", json_object_new_uint64(run->finished_usec)))
		return json;
	json_object_put(json);
	return NULL;
}

int hostreport_line(const struct hostreport *report, char ret_line[static HOSTREPORT_SIZE])
{
	struct json_object *json = to_json(report);
	char *text = json ? json_document(json, JSON_C_TO_STRING_PLAIN) : NULL;
	int r = text ? 0 : -ENOMEM;

	if (!r)
		snprintf(ret_line, HOSTREPORT_SIZE, "%s\n", text);
	free(text);
	json_object_put(json);
	return r;
}

/* "failed": names with blanks between them; all else is a word or a number. */
static void print_value(FILE *file, struct json_object *value)
{
	size_t i;

	if (!json_object_is_type(value, json_type_array)) {
		fputs(json_object_get_string(value), file);
		return;
	}
	for (i = 0; i < json_object_array_length(value); i++) {
		fputs(i ? " " : "", file);
		fputs(json_object_get_string(json_object_array_get_idx(value, i)), file);
	}
}

/* "vmgen" is X_VMGEN, any other KEY is X_VMGEN_KEY: no name of systemd's. */
int hostreport_notification(const struct hostreport *report,
			    char ret_text[static HOSTREPORT_SIZE])
{
	struct json_object *json = to_json(report);
	FILE *file = json ? fmemopen(ret_text, HOSTREPORT_SIZE, "w") : NULL;
	const char *letter;

	if (!file) {
		json_object_put(json);
		return -ENOMEM;
	}
	json_object_object_foreach(json, key, value) {
		fputs("X_VMGEN", file);
		for (letter = strcmp(key, "vmgen") ? key : ""; *letter; letter++) {
			if (letter == key)
				fputc('_', file);
			fputc(toupper((unsigned char)*letter), file);
		}
		fputc('=', file);
		print_value(file, value);
		fputc('\n', file);
	}
	fclose(file);
	json_object_put(json);
	return 0;
}
