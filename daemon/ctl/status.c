/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl status: is this machine protected, and was the last change handled?
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <vmgen/vmgenid.h>

#include "ctl.h"
#include "json.h"
#include "libvmgen.h"

/* All that is known about this machine. */
struct view {
	enum guest guest;
	struct vmgen_event event;
	struct vmgen_info info;
	/* NULL: vmgend says nothing. */
	struct json_object *vmgend;
	bool running, handled, recorded;
	/* Of the run that finished last. */
	uint64_t reseed_errno, n_failures;
	bool incomplete;
	/* Those of that run; NULL: none. */
	struct json_object *hooks;
};

static const char *source_name(uint32_t source)
{
	static const char *const names[] = {
		[VMGENID_SOURCE_NONE] = "none",
		[VMGENID_SOURCE_SCI] = "sci",
		[VMGENID_SOURCE_NOTIFY] = "notify",
		[VMGENID_SOURCE_VMFORK] = "vmfork",
		[VMGENID_SOURCE_CALL] = "call",
		[VMGENID_SOURCE_RECHECK] = "recheck",
		[VMGENID_SOURCE_RESUME] = "resume",
		[VMGENID_SOURCE_TIMER] = "timer",
	};

	/* The module may be newer than this program. */
	return source < sizeof(names) / sizeof(names[0]) ? names[source] : "other";
}

/* Returns how many hooks had no success, and prints each unless prefix is NULL. */
static uint64_t list_failures(struct json_object *hooks, const char *prefix)
{
	struct json_object_iterator it = json_object_iter_begin(hooks);
	struct json_object_iterator end = json_object_iter_end(hooks);
	const char *outcome;
	uint64_t failures = 0;

	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		if (json_get_text(json_object_iter_peek_value(&it), "outcome", &outcome))
			outcome = "?";
		if (!strcmp(outcome, "succeeded") || !strcmp(outcome, "not-applicable"))
			continue;
		failures++;
		if (prefix)
			printf("%s%s: %s\n", prefix, json_object_iter_peek_name(&it), outcome);
	}
	return failures;
}

static bool is_true(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

static void view_vmgend(const struct ctl *ctl, struct view *view)
{
	struct json_object *last;
	uint64_t generation, error;

	if (vmgend_status(ctl->runtime_dir, &view->vmgend, &view->running))
		return;
	/* A handled generation counts only if it is the present one. */
	view->recorded = is_true(view->vmgend, "recorded");
	view->handled = is_true(view->vmgend, "handled") &&
			!json_get_number(view->vmgend, "generation", &generation) &&
			generation == view->event.generation;
	if (!json_object_object_get_ex(view->vmgend, "last", &last))
		return;
	view->reseed_errno = json_get_number(last, "reseed_errno", &error) ? EBADMSG : error;
	view->incomplete = is_true(last, "incomplete");
	if (json_object_object_get_ex(last, "hooks", &view->hooks) &&
	    json_object_is_type(view->hooks, json_type_object))
		view->n_failures = list_failures(view->hooks, NULL);
	else
		view->hooks = NULL;
}

static void look(const struct ctl *ctl, struct view *view)
{
	struct vmgen *device;
	int r;

	r = vmgen_open(ctl->device, VMGEN_VMGENID, &device);
	if (!r) {
		r = vmgen_event(device, &view->event);
		if (!r)
			r = vmgen_info(device, &view->info, sizeof(view->info));
		vmgen_close(device);
	}
	view->guest = guest_diagnose(r, ctl->device, GUEST_SYSFS);
	view_vmgend(ctl, view);
}

/* A generator that was never seeded takes the ID in when it is. */
static bool reseed_failed(const struct view *view)
{
	return view->reseed_errno && view->reseed_errno != ENODATA;
}

static bool has_id(const struct view *view)
{
	return view->info.flags & VMGEN_INFO_ID_VALID;
}

/* Whether a change may have gone unseen while the machine was hibernated. */
static bool id_untrusted(const struct view *view)
{
	return (view->info.flags & VMGEN_INFO_ID_UNTRUSTED) && !guest_spares_nvs(GUEST_CMDLINE);
}

static enum ctl_exit judge(const struct view *view)
{
	if (view->guest != GUEST_READY)
		return ctl_guest_exit(view->guest);
	if (!has_id(view))
		return CTL_NO_ID;
	if (!view->running)
		return CTL_NOT_RUNNING;
	if (!view->handled)
		return CTL_NOT_HANDLED;
	if (reseed_failed(view) || view->n_failures || view->incomplete ||
	    !view->recorded || id_untrusted(view))
		return CTL_DEGRADED;
	return CTL_OK;
}

/* One sentence: what is wrong, and the remedy. */
static const char *explain(const struct view *view, enum ctl_exit verdict)
{
	if (view->guest != GUEST_READY)
		return guest_explain(view->guest);
	if (!has_id(view))
		return "the host provides no ID: give the device of this VM a GUID on the host";
	switch (verdict) {
	case CTL_NOT_RUNNING:
		return "vmgend is not running, so no hook runs: systemctl enable --now vmgend";
	case CTL_NOT_HANDLED:
		return "the last change is being handled: vmgenctl wait --settled";
	case CTL_DEGRADED:
		if (id_untrusted(view))
			return "this machine was hibernated, and a change of its ID cannot be seen across that: boot it with acpi_sleep=nonvs";
		return "a hook, the reseed or the record failed; mend it, the next change tries again: journalctl -u vmgend";
	case CTL_OK:
	case CTL_FAILED:
	case CTL_USAGE:
	case CTL_NO_RIGHTS:
	case CTL_NO_DEVICE:
	case CTL_NO_MODULE:
	case CTL_NO_ID:
	case CTL_FENCED:
	case CTL_TIMEOUT:
		break;
	}
	return NULL;
}

static void print_change(const struct view *view)
{
	uint64_t changed = view->event.changed_boottime_ns;
	struct timespec now;

	if (!changed) {
		printf("last change: none since the module was loaded\n");
		return;
	}
	clock_gettime(CLOCK_BOOTTIME, &now);
	printf("last change: %.1f s ago, noticed by %s\n",
	       now.tv_sec + now.tv_nsec / 1e9 - changed / 1e9, source_name(view->event.source));
	if (view->event.flags & VMGEN_RNG_STALE)
		printf("kernel:      could NOT reseed its random number generator\n");
}

static void print_words(const struct view *view, enum ctl_exit verdict)
{
	const char *explanation = explain(view, verdict);
	struct json_object *last;
	const char *event;

	printf("protected:   %s\n", verdict == CTL_OK || verdict == CTL_NOT_HANDLED ? "yes" :
	       verdict == CTL_DEGRADED ? "yes, but" : "NO");
	if (explanation)
		printf("             %s\n", explanation);
	if (view->guest == GUEST_READY) {
		printf("generation:  %" PRIu64 "\n", view->event.generation);
		printf("source:      vmgenid (%s)\n", view->info.hid);
		print_change(view);
	}
	printf("vmgend:      %srunning\n", view->running ? "" : "not ");
	if (view->guest == GUEST_READY && view->vmgend)
		printf("handled:     %s\n", view->handled ? "yes" : "no");
	if (view->vmgend && json_object_object_get_ex(view->vmgend, "last", &last) &&
	    !json_get_text(last, "event", &event))
		printf("last run:    %s; hooks without success: %" PRIu64 "; random number generator %s\n",
		       event, view->n_failures, reseed_failed(view) ? "NOT reseeded" :
		       view->reseed_errno ? "not seeded yet" : "reseeded");
	if (view->hooks)
		(void)list_failures(view->hooks, "             ");
	if (view->incomplete)
		printf("             a directory of hooks could not be used, so its hooks did not run\n");
}

static const char *guest_word(enum guest guest)
{
	static const char *const words[] = {
		[GUEST_READY] = "ready", [GUEST_NO_RIGHTS] = "no-rights",
		[GUEST_NO_DEVICE] = "no-device", [GUEST_NO_MODULE] = "no-module",
		[GUEST_REFUSED] = "refused", [GUEST_NO_NODE] = "no-node",
		[GUEST_BROKEN] = "broken",
	};

	return words[guest];
}

static int fill_device(struct json_object *json, const struct view *view)
{
	if (json_add(json, "id_untrusted", json_object_new_boolean(id_untrusted(view))) ||
	    json_add(json, "generation", json_object_new_uint64(view->event.generation)) ||
	    json_add(json, "source", json_object_new_string("vmgenid")) ||
	    json_add(json, "hid", json_object_new_string(view->info.hid)) ||
	    json_add(json, "id_valid", json_object_new_boolean(has_id(view))) ||
	    json_add(json, "changed_boottime_ns",
		     json_object_new_uint64(view->event.changed_boottime_ns)) ||
	    json_add(json, "noticed_by",
		     json_object_new_string(source_name(view->event.source))) ||
	    json_add(json, "rng_stale",
		     json_object_new_boolean(view->event.flags & VMGEN_RNG_STALE)))
		return -ENOMEM;
	return 0;
}

static int print_json(const struct view *view, enum ctl_exit verdict)
{
	struct json_object *json = json_object_new_object();
	const char *explanation = explain(view, verdict);
	int r = -ENOMEM;

	if (!json ||
	    json_add(json, "version", json_object_new_int(1)) ||
	    json_add(json, "verdict", json_object_new_int(verdict)) ||
	    json_add(json, "explanation", json_object_new_string(explanation ? explanation : "")) ||
	    json_add(json, "device", json_object_new_string(guest_word(view->guest))) ||
	    (view->guest == GUEST_READY && fill_device(json, view)) ||
	    json_add(json, "running", json_object_new_boolean(view->running)) ||
	    json_add(json, "handled", json_object_new_boolean(view->handled)) ||
	    (view->vmgend && json_add(json, "vmgend", json_object_get(view->vmgend))))
		goto out;
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	r = 0;
out:
	json_object_put(json);
	return r;
}

enum ctl_exit ctl_status(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = {
		{ "json", no_argument, NULL, 'j' },
		{ .name = NULL },
	};
	struct view view = { .running = false };
	enum ctl_exit verdict;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option != 'j')
			return CTL_USAGE;
		json = true;
	}
	if (optind != argc) {
		fprintf(stderr, "vmgenctl: status takes no argument \"%s\"\n", argv[optind]);
		return CTL_USAGE;
	}
	look(ctl, &view);
	verdict = judge(&view);
	if (!json)
		print_words(&view, verdict);
	else if (print_json(&view, verdict))
		verdict = CTL_FAILED;
	json_object_put(view.vmgend);
	return verdict;
}
