/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How hooks ended, in words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base/json.h"
#include "base/text.h"
#include "colour.h"
#include "omission.h"
#include "results.h"
#include "view.h"
#include "vmgend.h"

/* A drill that is over. */
struct drill_view {
	struct json_object *drill, *hooks;
	const char *hook, *refusal;
	bool real, incomplete;
	struct occasion occasion;
	/* What there is now; NULL: that cannot be told. */
	const struct inventory *inventory;
	/* Of the run whose failures were run again; NULL: of none. */
	struct json_object *last_hooks;
	bool reseed_failed, last_incomplete;
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

static bool read_rerun(struct json_object *status, const char *rerun, struct drill_view *view)
{
	uint64_t reseed_errno = 0;
	struct json_object *last;

	if (strcmp(rerun, "failed") || *view->refusal || view->occasion.interrupted ||
	    !json_object_object_get_ex(status, "last", &last))
		return true;
	/* What was not a hook, or could not be one, still may not be well. */
	(void)json_get_number(last, "reseed_errno", &reseed_errno);
	view->reseed_failed = reseed_errno;
	view->last_incomplete = view_is_true(last, "incomplete");
	return json_object_object_get_ex(last, "hooks", &view->last_hooks) &&
	       json_object_is_type(view->last_hooks, json_type_object);
}

/* What all hooks did in a real run stands in the record of the run. */
static bool read_drill(struct json_object *status, const char *rerun, struct drill_view *view)
{
	struct json_object *record;

	if (!json_object_object_get_ex(status, "drill", &view->drill) ||
	    json_get_text(view->drill, "hook", &view->hook) ||
	    json_get_text(view->drill, "refusal", &view->refusal))
		return false;
	view->real = view_is_true(view->drill, "real");
	view->occasion = (struct occasion){
		.event = view->real ? "changed" : "test", .intent = "",
		.interrupted = view_is_true(view->drill, "interrupted"),
	};
	if (rerun && !read_rerun(status, rerun, view))
		return false;
	record = view->drill;
	if (view->real && !*view->hook && !*view->refusal &&
	    !json_object_object_get_ex(status, "last", &record))
		return false;
	(void)json_get_text(record, "event", &view->occasion.event);
	(void)json_get_text(record, "intent", &view->occasion.intent);
	view->incomplete = view_is_true(record, "incomplete");
	return json_object_object_get_ex(record, "hooks", &view->hooks) &&
	       json_object_is_type(view->hooks, json_type_object);
}

/* It failed, and was disabled or removed since. */
static bool was_left_out(const struct drill_view *view, const char *name,
			 struct json_object *result)
{
	return !result_good(result) && !json_object_object_get_ex(view->hooks, name, NULL);
}

static bool is_complete(const struct drill_view *view)
{
	if (!view->last_hooks)
		return true;
	json_object_object_foreach(view->last_hooks, name, result)
		if (was_left_out(view, name, result))
			return false;
	return true;
}

static enum ctl_exit judge(const struct drill_view *view)
{
	if (*view->refusal || view->occasion.interrupted || !is_complete(view) ||
	    (*view->hook && !json_object_object_length(view->hooks)))
		return CTL_FAILED;
	if (view->incomplete || view->last_incomplete || view->reseed_failed)
		return CTL_DEGRADED;
	json_object_object_foreach(view->hooks, name, hook) {
		(void)name;
		if (!result_good(hook))
			return CTL_DEGRADED;
	}
	return CTL_OK;
}

/* What is still not well of the run whose failures were run again. */
static void print_rest(const struct drill_view *view)
{
	json_object_object_foreach(view->last_hooks, name, result)
		if (was_left_out(view, name, result))
			text_print(stderr, "vmgenctl: %s failed, but did not run again: vmgenctl hooks why %s\n",
				   name, name);
	if (view->reseed_failed)
		text_print(stderr, "vmgenctl: the random number generator could not reseed: vmgenctl check\n");
	if (view->last_incomplete)
		text_print(stderr, "vmgenctl: the last run could not use a directory of hooks: vmgenctl trigger --real runs all hooks\n");
}

/* Adds what the hooks printed to their results. */
static void add_outputs(const struct ctl *ctl, struct drill_view *view)
{
	struct json_object *outputs, *printed, *hook;
	const char *id;

	if (json_get_text(view->drill, "id", &id) ||
	    vmgend_outputs(ctl->runtime_dir, id, &outputs))
		return;
	json_object_object_foreach(outputs, name, result)
		if (json_object_object_get_ex(result, "output", &printed) &&
		    json_object_object_get_ex(view->hooks, name, &hook) &&
		    json_object_is_type(hook, json_type_object))
			(void)json_add(hook, "output", json_object_get(printed));
	json_object_put(outputs);
}

/* Tells of each hook that could have been run, and was not; *why is NULL without memory. */
static void for_each_omission(const struct drill_view *view,
			      void (*tell)(const char *name, const char *why, void *context),
			      void *context)
{
	const struct item *item;
	char *why;
	size_t i;

	if (!view->inventory || view->last_hooks || *view->refusal)
		return;
	for (i = 0; i < view->inventory->list.n_hooks; i++) {
		item = &view->inventory->items[i];
		if ((*view->hook && strcmp(view->hook, item->hook->name)) ||
		    json_object_object_get_ex(view->hooks, item->hook->name, NULL))
			continue;
		why = omission_explain(view->inventory, item, &view->occasion);
		tell(item->hook->name, why ?: "out of memory", context);
		free(why);
	}
}

static void print_omission(const char *name, const char *why, void *context)
{
	(void)context;
	text_print(stdout, "%-32s ", name);
	colour_print(COLOUR_YELLOW, "did not run:", 0);
	text_print(stdout, " %s\n", why);
}

static void add_omission(const char *name, const char *why, void *json)
{
	(void)json_add(json, name, json_object_new_string(why));
}

static void print_output(struct json_object *hook)
{
	const char *text, *end;

	if (json_get_text(hook, "output", &text))
		return;
	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		text_print(stdout, "    | %.*s\n", (int)(end - text), text);
	}
}

static void print_hook(const struct drill_view *view, const char *name, struct json_object *hook)
{
	const struct item *item = view->inventory ? inventory_find(view->inventory, name) : NULL;
	char text[RESULT_SIZE];

	result_describe(hook, text);
	text_print(stdout, "%-32s ", name);
	colour_print(result_good(hook) ? COLOUR_GREEN : COLOUR_RED, text, 0);
	putchar('\n');
	print_output(hook);
	if (!result_good(hook) && item && item->reason)
		text_print(stdout, "    -> %s\n", item->reason);
}

static void print_words(const struct drill_view *view)
{
	json_object_object_foreach(view->hooks, name, hook)
		print_hook(view, name, hook);
	for_each_omission(view, print_omission, NULL);
	if (*view->refusal)
		text_print(stderr, "vmgenctl: no hook ran: %s\n", view->refusal);
	else if (view->occasion.interrupted)
		text_print(stderr, "vmgenctl: a change came during the drill, so not all hooks ran\n");
	else if (!json_object_object_length(view->hooks) && *view->hook)
		text_print(stderr, "vmgenctl: %s did not run: vmgenctl hooks why %s\n", view->hook, view->hook);
	else if (view->last_hooks && judge(view) == CTL_OK && !json_object_object_length(view->hooks))
		puts("no hook failed in the last run");
	else if (!json_object_object_length(view->hooks))
		puts("no hook ran: vmgenctl hooks list shows why");
	if (view->last_hooks)
		print_rest(view);
	if (view->incomplete)
		text_print(stderr, "vmgenctl: a directory of hooks could not be used: vmgenctl check\n");
}

static struct json_object *to_json(const struct drill_view *view, enum ctl_exit verdict)
{
	struct json_object *json = json_object_new_object(), *omissions = json_object_new_object();

	if (omissions)
		for_each_omission(view, add_omission, omissions);
	if (json && !json_add(json, "not_run", omissions) &&
	    !json_add(json, "version", json_object_new_int(1)) &&
	    !json_add(json, "verdict", json_object_new_int(verdict)) &&
	    !json_add(json, "drill", json_object_get(view->drill)) &&
	    !json_add(json, "hooks", json_object_get(view->hooks)))
		return json;
	json_object_put(json);
	return NULL;
}

enum ctl_exit results_print(const struct ctl *ctl, struct json_object *status, const char *rerun,
			    bool json)
{
	struct drill_view view = { .drill = NULL };
	char error[SETTINGS_ERROR_SIZE];
	struct inventory inventory;
	enum ctl_exit verdict;

	if (!read_drill(status, rerun, &view)) {
		text_print(stderr, "vmgenctl: cannot read the answer of vmgend: are both of the same release?\n");
		return CTL_FAILED;
	}
	verdict = judge(&view);
	add_outputs(ctl, &view);
	if (inventory_read(ctl->config, &inventory, error))
		text_print(stderr, "vmgenctl: which hooks did not run is not known: %s\n", error);
	else
		view.inventory = &inventory;
	if (!json)
		print_words(&view);
	else if (print_json(to_json(&view, verdict)))
		verdict = CTL_FAILED;
	if (view.inventory)
		inventory_clear(&inventory);
	return verdict;
}
