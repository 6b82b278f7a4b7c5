/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How hooks ended, in words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "colour.h"
#include "json.h"
#include "results.h"
#include "view.h"

/* A drill that is over. */
struct drill_view {
	struct json_object *drill, *hooks;
	const char *hook, *refusal;
	bool real, interrupted, incomplete;
};

bool result_good(struct json_object *result)
{
	const char *outcome;

	return !json_get_text(result, "outcome", &outcome) && view_outcome_good(outcome);
}

void result_describe(struct json_object *result, char ret_text[RESULT_SIZE])
{
	const char *outcome = "?";
	uint64_t status = 0, duration = 0;
	int n;

	(void)json_get_text(result, "outcome", &outcome);
	(void)json_get_number(result, "status", &status);
	(void)json_get_number(result, "duration_ms", &duration);
	n = snprintf(ret_text, RESULT_SIZE, "%.32s after %" PRIu64 " ms", outcome, duration);
	if (!strcmp(outcome, "failed"))
		snprintf(ret_text + n, RESULT_SIZE - n, ", exit status %" PRIu64, status);
	else if (!strcmp(outcome, "killed"))
		snprintf(ret_text + n, RESULT_SIZE - n, ", signal %" PRIu64, status);
}

/* What all hooks did in earnest stands in the record of the run. */
static bool read_drill(struct json_object *status, struct drill_view *view)
{
	struct json_object *record;

	if (!json_object_object_get_ex(status, "drill", &view->drill) ||
	    json_get_text(view->drill, "hook", &view->hook) ||
	    json_get_text(view->drill, "refusal", &view->refusal))
		return false;
	view->real = view_is_true(view->drill, "real");
	view->interrupted = view_is_true(view->drill, "interrupted");
	record = view->drill;
	if (view->real && !*view->hook && !*view->refusal &&
	    !json_object_object_get_ex(status, "last", &record))
		return false;
	view->incomplete = view_is_true(record, "incomplete");
	return json_object_object_get_ex(record, "hooks", &view->hooks) &&
	       json_object_is_type(view->hooks, json_type_object);
}

static enum ctl_exit judge(const struct drill_view *view)
{
	if (*view->refusal || view->interrupted ||
	    (*view->hook && !json_object_object_length(view->hooks)))
		return CTL_FAILED;
	if (view->incomplete)
		return CTL_DEGRADED;
	json_object_object_foreach(view->hooks, name, hook) {
		(void)name;
		if (!result_good(hook))
			return CTL_DEGRADED;
	}
	return CTL_OK;
}

static void print_words(const struct drill_view *view)
{
	char text[RESULT_SIZE];

	json_object_object_foreach(view->hooks, name, hook) {
		result_describe(hook, text);
		printf("%-32s ", name);
		colour_print(result_good(hook) ? COLOUR_GREEN : COLOUR_RED, text, 0);
		putchar('\n');
	}
	if (*view->refusal)
		fprintf(stderr, "vmgenctl: nothing was run: %s\n", view->refusal);
	else if (view->interrupted)
		fprintf(stderr, "vmgenctl: a change came meanwhile, so not all hooks were run\n");
	else if (!json_object_object_length(view->hooks) && *view->hook)
		fprintf(stderr, "vmgenctl: it was not run: vmgenctl hooks why %s\n", view->hook);
	else if (!json_object_object_length(view->hooks))
		puts("no hook was run: vmgenctl hooks list");
	if (view->incomplete)
		fprintf(stderr, "vmgenctl: a directory of hooks could not be used: vmgenctl check\n");
}

static struct json_object *to_json(const struct drill_view *view, enum ctl_exit verdict)
{
	struct json_object *json = json_object_new_object();

	if (json &&
	    !json_add(json, "version", json_object_new_int(1)) &&
	    !json_add(json, "verdict", json_object_new_int(verdict)) &&
	    !json_add(json, "drill", json_object_get(view->drill)) &&
	    !json_add(json, "hooks", json_object_get(view->hooks)))
		return json;
	json_object_put(json);
	return NULL;
}

enum ctl_exit results_print(struct json_object *status, bool json)
{
	struct drill_view view = { .drill = NULL };
	enum ctl_exit verdict;

	if (!read_drill(status, &view)) {
		fprintf(stderr, "vmgenctl: cannot read the answer of vmgend: are both of the same release?\n");
		return CTL_FAILED;
	}
	verdict = judge(&view);
	if (!json)
		print_words(&view);
	else if (print_json(to_json(&view, verdict)))
		verdict = CTL_FAILED;
	return verdict;
}
