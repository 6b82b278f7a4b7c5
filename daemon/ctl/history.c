/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl history: what happened to this machine, when, how long the answer
 * took, and what went wrong.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/boot.h"
#include "record/historyfile.h"

/* The clock that was set in the run is the better one. */
static void print_times(const struct record *run)
{
	uint64_t duration, corrected = run->detected_usec;
	bool stepped = record_corrected(run, &corrected);
	char date[32];

	text_print(stdout, "%s  %s: generation %" PRIu64 " by %s, ", ctl_date(corrected, date),
		   event_name(run->event), run->generation, run->source);
	if (record_duration(run, &duration))
		text_print(stdout, "handled in %.1f s\n", duration / 1e6);
	else if (run->finished_boottime_usec)
		text_print(stdout, "handled in a later boot\n");
	else
		text_print(stdout, "handled; how long that took was not recorded\n");
	if (stepped)
		text_print(stdout, "    the clock was set during the run; before that it showed %s\n",
			   ctl_date(run->detected_usec, date));
}

static void print_words(const struct record *run)
{
	char said[RECORD_SAID_SIZE];
	size_t i;

	print_times(run);
	text_print(stdout, "    looks like: %s; declared intent: %s\n", run->hint,
		   record_said(run, said));
	print_boot(run, "    ");
	if (*run->intent_unused)
		text_print(stdout, "    %s\n", run->intent_unused);
	text_print(stdout, "    hooks: %zu, failed: %zu; random number generator %s\n", run->n_results,
		   record_failures(run), !run->reseed_error ? "reseeded" :
		   run->reseed_error == -ENODATA ? "not seeded yet" : "NOT reseeded");
	for (i = 0; i < run->n_results; i++)
		if (!outcome_settled(run->results[i].outcome))
			text_print(stdout, "    %s: %s\n", run->results[i].name,
				   outcome_name(run->results[i].outcome));
}

static void print(struct json_object *runs, bool json)
{
	size_t i, n = json_object_array_length(runs);
	struct json_object *object;
	struct record run;

	for (i = 0; i < n; i++) {
		object = json_object_array_get_idx(runs, i);
		if (json) {
			(void)print_json_line(json_object_get(object));
		} else if (!record_from_json(object, &run)) {
			print_words(&run);
			record_clear(&run);
		}
	}
}

enum ctl_exit ctl_history(const struct ctl *ctl, int argc, char **argv)
{
	struct json_object *runs;
	bool json;
	int r;

	if (arguments_only_json(argc, argv, &json))
		return CTL_USAGE;
	r = history_read(ctl->state_dir, &runs);
	if (r == -ENOENT)
		return CTL_OK;
	if (r == -EBADMSG) {
		text_print(stderr, "vmgenctl: %s/history is damaged; move it away\n", ctl->state_dir);
		return CTL_FAILED;
	}
	if (r)
		return ctl_state_error(ctl, r);
	print(runs, json);
	json_object_put(runs);
	return CTL_OK;
}
