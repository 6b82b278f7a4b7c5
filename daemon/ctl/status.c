/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl status: is this machine protected, and was the last change handled?
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/boot.h"
#include "ctl/view/identifier.h"
#include "ctl/view/view.h"

static void print_change(const struct view *view)
{
	int64_t changed = view->event.changed_boottime_ns;

	if (!changed) {
		text_print(stdout, "last change: none since the module was loaded\n");
		return;
	}
	text_print(stdout, "last change: %.1f s ago, detected by %s\n", (boottime_ns() - changed) / 1e9,
		   view_detected_by(view->event.source));
	if (view->event.flags & VMGEN_RNG_STALE)
		text_print(stdout, "kernel:      could NOT reseed its random number generator: vmgenctl check\n");
}

static void list_failures(struct json_object *hooks)
{
	const char *outcome;

	json_object_object_foreach(hooks, name, hook) {
		if (json_get_text(hook, "outcome", &outcome))
			outcome = "?";
		if (!view_outcome_good(outcome))
			text_print(stdout, "             %s: %s\n", name, outcome);
	}
}

static void print_last(struct json_object *last)
{
	char said[RECORD_SAID_SIZE];
	char tally[TALLY_TEXT_SIZE];
	struct record run;

	if (record_from_json(last, &run))
		return;
	if (*run.intent)
		text_print(stdout, "intent:      %s\n", record_said(&run, said));
	print_boot(&run, "             ");
	if (run.sentinels.known)
		text_print(stdout, "sentinels:   %s\n", tally_text(&run.sentinels, tally));
	record_clear(&run);
}

static void print_words(const struct view *view, enum ctl_exit verdict)
{
	const char *explanation = view_explain(view, verdict);
	const char *event;

	text_print(stdout, "protected:   %s\n", verdict == CTL_OK || verdict == CTL_NOT_HANDLED ? "yes" :
		   verdict == CTL_DEGRADED ? "yes, but" : "NO");
	if (explanation)
		text_print(stdout, "             %s\n", explanation);
	if (view->guest == GUEST_READY) {
		text_print(stdout, "generation:  %" PRIu64 "\n", view->event.generation);
		text_print(stdout, "source:      vmgenid (%s)\n", view->info.hid);
		print_change(view);
	}
	text_print(stdout, "vmgend:      %srunning\n", view->running ? "" : "not ");
	if ((view->guest == GUEST_READY || view->fallback) && view->vmgend)
		text_print(stdout, "handled:     %s\n", view->handled ? "yes" : "no");
	if (view->running && !view->recorded)
		text_print(stdout, "recorded:    no: %s\n", view_record_error(view));
	if (view->last && !json_get_text(view->last, "event", &event))
		text_print(stdout, "last run:    %s; hooks that failed: %" PRIu64 "; random number generator %s\n",
			   event, view->n_failures, view_reseed_failed(view) ? "NOT reseeded" :
			   view->reseed_errno ? "not seeded yet" : "reseeded");
	if (view->last)
		print_last(view->last);
	if (view->seed_errno)
		text_print(stdout, "             the seed file for the next boot was not renewed: the log of vmgend shows why (journalctl -u vmgend)\n");
	if (view->intent_unused)
		text_print(stdout, "             %s\n", view->intent_unused);
	if (view->new_machine_id)
		text_print(stdout, "machine ID:  new in this boot; PID 1 may still use the old one (%%m in units) until the next boot\n");
	if (view->hooks)
		list_failures(view->hooks);
	if (view->incomplete)
		text_print(stdout, "             a directory of hooks could not be used, so its hooks did not run\n");
}

static int fill_device(struct json_object *json, const struct ctl *ctl, const struct view *view)
{
	char metric[HASH_METRIC_SIZE];

	identifier_metric(ctl, view, metric);
	if (*metric && json_add(json, "id_metric", json_object_new_string(metric)))
		return -ENOMEM;
	if (json_add(json, "id_untrusted", json_object_new_boolean(view_id_untrusted(view))) ||
	    json_add(json, "generation", json_object_new_uint64(view->event.generation)) ||
	    json_add(json, "source", json_object_new_string("vmgenid")) ||
	    json_add(json, "hid", json_object_new_string(view->info.hid)) ||
	    json_add(json, "id_valid", json_object_new_boolean(view_has_id(view))) ||
	    json_add(json, "counter", json_object_new_boolean(view_counts(view))) ||
	    json_add(json, "changed_boottime_ns",
		     json_object_new_int64(view->event.changed_boottime_ns)) ||
	    json_add(json, "detected_by",
		     json_object_new_string(view_detected_by(view->event.source))) ||
	    json_add(json, "rng_stale",
		     json_object_new_boolean(view->event.flags & VMGEN_RNG_STALE)) ||
	    json_add(json, "rng_other", json_object_new_boolean(view_rng_other(view))))
		return -ENOMEM;
	return 0;
}

static struct json_object *to_json(const struct ctl *ctl, const struct view *view,
				   enum ctl_exit verdict)
{
	struct json_object *json = json_object_new_object();
	const char *explanation = view_explain(view, verdict);

	if (json &&
	    !json_add(json, "version", json_object_new_int(1)) &&
	    !json_add(json, "verdict", json_object_new_int(verdict)) &&
	    !json_add(json, "explanation", json_object_new_string(explanation ?: "")) &&
	    !json_add(json, "device", json_object_new_string(view_device(view))) &&
	    (view->guest != GUEST_READY || !fill_device(json, ctl, view)) &&
	    !json_add(json, "running", json_object_new_boolean(view->running)) &&
	    !json_add(json, "handled", json_object_new_boolean(view->handled)) &&
	    !json_add(json, "new_machine_id",
		      json_object_new_boolean(view->new_machine_id)) &&
	    (!view->vmgend || !json_add(json, "vmgend", json_object_get(view->vmgend))))
		return json;
	json_object_put(json);
	return NULL;
}

enum ctl_exit ctl_status(const struct ctl *ctl, int argc, char **argv)
{
	enum ctl_exit verdict;
	struct view view;
	bool json;

	if (arguments_only_json(argc, argv, &json))
		return CTL_USAGE;
	view_read(ctl, &view);
	verdict = view_verdict(&view);
	if (!json)
		print_words(&view, verdict);
	else if (print_json(to_json(ctl, &view, verdict)))
		verdict = CTL_FAILED;
	view_clear(&view);
	return verdict;
}
