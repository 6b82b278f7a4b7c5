/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * All that can be known about this machine without privileges.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "base/event.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/systemd.h"
#include "config/hook.h"
#include "module.h"
#include "record/intentfile.h"
#include "view.h"
#include "vmgend.h"

const char *view_detected_by(uint32_t source)
{
	static const char *const names[] = {
		[VMGENID_SOURCE_NONE] = "none",
		[VMGENID_SOURCE_INTERRUPT] = "interrupt",
		[VMGENID_SOURCE_NOTIFY] = "notify",
		[VMGENID_SOURCE_CALL] = "call",
		[VMGENID_SOURCE_RECHECK] = "recheck",
		[VMGENID_SOURCE_RESUME] = "resume",
		[VMGENID_SOURCE_TIMER] = "timer",
	};

	/* The module may be newer than this program. */
	return source < sizeof(names) / sizeof(names[0]) ? names[source] : "other";
}

const char *view_device(const struct view *view)
{
	static const char *const words[] = {
		[GUEST_READY] = "ready", [GUEST_NO_RIGHTS] = "no-rights",
		[GUEST_NO_SYSFS] = "unknown", [GUEST_NO_DEVICE] = "no-device", [GUEST_NO_MODULE] = "no-module",
		[GUEST_REFUSED] = "refused", [GUEST_NO_NODE] = "no-node",
		[GUEST_BROKEN] = "broken",
	};

	return words[view->guest];
}

bool view_outcome_good(const char *outcome)
{
	return !strcmp(outcome, "succeeded") || !strcmp(outcome, "not-applicable");
}

static uint64_t count_failures(struct json_object *hooks)
{
	const char *outcome;
	uint64_t failures = 0;

	json_object_object_foreach(hooks, name, hook) {
		(void)name;
		failures += json_get_text(hook, "outcome", &outcome) ||
			    !view_outcome_good(outcome);
	}
	return failures;
}

static bool has_lost_guard(struct json_object *run)
{
	struct json_object *hooks;
	const char *outcome;

	if (!json_object_object_get_ex(run, "hooks", &hooks) ||
	    !json_object_is_type(hooks, json_type_object))
		return false;
	json_object_object_foreach(hooks, name, hook)
		if (hook_name_valid(name) && event_is_guard(hook_band(name)) &&
		    !json_get_text(hook, "outcome", &outcome) && !strcmp(outcome, "lost"))
			return true;
	return false;
}

bool view_is_true(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

/* By what vmgend detects changes, beside what the device shows now. */
static void view_source(struct view *view)
{
	const char *source;

	if (!view->running || json_get_text(view->vmgend, "source", &source))
		return;
	if (view->guest == GUEST_READY)
		view->outdated = !strcmp(source, "counter") &&
				 !(view->info.flags & VMGEN_INFO_COUNTER);
	else
		view->fallback = strcmp(source, "vmgenid");
}

/* Without a mark of an image nobody knows at adoption what the machine looked like. */
static bool shares_id(struct json_object *last)
{
	static const char *const members[][2] = {
		{ "event", "adopted" }, { "hint", "clone" }, { "intent", "" }, { "intent_unused", "" },
	};
	const char *text;
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_get_text(last, members[i][0], &text) || strcmp(text, members[i][1]))
			return false;
	return true;
}

/* A path that is too long names no file. */
static bool is_machine_id_new(const struct ctl *ctl)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/" NAME_MACHINE_ID, ctl->runtime_dir) < PATH_MAX &&
	       !access(path, F_OK);
}

static void view_vmgend(const struct ctl *ctl, struct view *view)
{
	uint64_t generation, error;
	struct json_object *run;
	const char *text;

	if (vmgend_status(ctl->runtime_dir, &view->vmgend, &view->running))
		return;
	view_source(view);
	view->recorded = view_is_true(view->vmgend, "recorded");
	/* A handled generation counts only if it is the present one, and its ID was seen. */
	view->handled = view_is_true(view->vmgend, "handled") && !view->outdated &&
			!json_get_number(view->vmgend, "generation", &generation) &&
			(view->fallback || generation == view->event.generation);
	if (json_object_object_get_ex(view->vmgend, "run", &run))
		view->guard_lost = has_lost_guard(run);
	if (!json_object_object_get_ex(view->vmgend, "last", &view->last))
		return;
	view->reseed_errno = json_get_number(view->last, "reseed_errno", &error) ? EBADMSG : error;
	if (json_object_object_get_ex(view->last, "seed_errno", NULL) &&
	    json_get_number(view->last, "seed_errno", &view->seed_errno))
		view->seed_errno = EBADMSG;
	view->incomplete = view_is_true(view->last, "incomplete");
	if (!json_get_text(view->last, "intent_unused", &text) && *text)
		view->intent_unused = text;
	view->shares_id = shares_id(view->last);
	if (json_object_object_get_ex(view->last, "hooks", &view->hooks) &&
	    json_object_is_type(view->hooks, json_type_object))
		view->n_failures = count_failures(view->hooks);
	else
		view->hooks = NULL;
}

void view_read(const struct ctl *ctl, struct view *view)
{
	struct vmgen *device;
	int r;

	*view = (struct view){ .running = false };
	r = vmgen_open(ctl->device, VMGEN_VMGENID, &device);
	if (!r) {
		r = vmgen_event(device, &view->event, sizeof(view->event));
		if (!r)
			r = vmgen_info(device, &view->info, sizeof(view->info));
		vmgen_close(device);
	}
	view->guest = guest_diagnose(r, ctl->device, GUEST_SYSFS);
	view->new_machine_id = is_machine_id_new(ctl);
	view_vmgend(ctl, view);
}

void view_clear(struct view *view)
{
	json_object_put(view->vmgend);
	view->vmgend = NULL;
}

/* A generator that was never seeded takes the ID in when it is. */
bool view_reseed_failed(const struct view *view)
{
	return view->reseed_errno && view->reseed_errno != ENODATA;
}

const char *view_record_error(const struct view *view)
{
	uint64_t error;

	if (json_get_number(view->vmgend, "record_errno", &error) || !error || error > 4095)
		return "the log of vmgend shows why (journalctl -u vmgend)";
	return file_strerror(-(int)error);
}

bool view_has_id(const struct view *view)
{
	return view->info.flags & VMGEN_INFO_ID_VALID;
}

bool view_counts(const struct view *view)
{
	return (view->info.flags & VMGEN_INFO_COUNTER) && !(view->event.flags & VMGEN_NO_ID);
}

bool view_id_untrusted(const struct view *view)
{
	return (view->info.flags & VMGEN_INFO_ID_UNTRUSTED) && !guest_spares_nvs(GUEST_CMDLINE);
}

bool view_rng_other(const struct view *view)
{
	return (view->event.flags & VMGEN_RNG_OTHER) || guest_in_fips_mode(GUEST_FIPS);
}

enum ctl_exit ctl_guest_exit(enum guest guest)
{
	switch (guest) {
	case GUEST_READY:
		return CTL_OK;
	case GUEST_NO_RIGHTS:
		return CTL_NO_RIGHTS;
	case GUEST_NO_DEVICE:
		return CTL_NO_DEVICE;
	case GUEST_NO_MODULE:
	case GUEST_REFUSED:
		return CTL_NO_MODULE;
	case GUEST_NO_SYSFS:
	case GUEST_NO_NODE:
	case GUEST_BROKEN:
		return CTL_FAILED;
	}
	return CTL_FAILED;
}

enum ctl_exit view_verdict(const struct view *view)
{
	if (view->guest != GUEST_READY && !view->fallback)
		return ctl_guest_exit(view->guest);
	if (view->guest == GUEST_READY && !view_has_id(view) && !view_counts(view))
		return CTL_NO_ID;
	if (!view->running)
		return CTL_NOT_RUNNING;
	if (view_rng_other(view))
		return CTL_RNG_OTHER;
	if (!view->handled)
		return CTL_NOT_HANDLED;
	if (view_reseed_failed(view) || view->n_failures || view->incomplete || view->intent_unused ||
	    view->seed_errno || view->shares_id ||
	    !view->recorded || view_id_untrusted(view) || view->fallback || view_counts(view))
		return CTL_DEGRADED;
	return CTL_OK;
}

/* As vmgenctl check does, in one text. */
static const char *explain_module(void)
{
	static char text[1024];
	enum module module = module_of_this_kernel();

	snprintf(text, sizeof(text), "%s: %s", module_explain(module), module_remedy(module));
	return text;
}

const char *view_explain(const struct view *view, enum ctl_exit verdict)
{
	if (view->fallback && verdict == CTL_DEGRADED)
		return "vmgend runs without the kernel module, so it cannot detect all changes: vmgenctl check";
	if (view->guest != GUEST_READY && !view->fallback)
		return view->guest == GUEST_NO_MODULE ? explain_module() :
		       guest_explain(view->guest, GUEST_SYSFS);
	if (verdict == CTL_NO_ID)
		return "the host provides no ID: give the device of this VM a GUID on the host";
	switch (verdict) {
	case CTL_NOT_RUNNING:
		return systemd_or("vmgend is not running, so no hook runs: systemctl enable --now vmgend",
				  "vmgend is not running, so no hook runs: start it with the init system of this machine");
	case CTL_NOT_HANDLED:
		if (view->outdated)
			return systemd_or(VIEW_OUTDATED ": systemctl restart vmgend",
					  VIEW_OUTDATED ": restart vmgend");
		if (view->guard_lost)
			return "a guard could not be started, so the last change is not handled yet; vmgend tries again: the log of vmgend names the guard and what it lacks (journalctl -u vmgend)";
		return "the last change is being handled: vmgenctl wait --settled";
	case CTL_DEGRADED:
		if (view_id_untrusted(view))
			return "this machine was hibernated, and cannot detect a change of its ID across that: boot it with acpi_sleep=nonvs";
		if (view->intent_unused && view->recorded && !view->n_failures && !view->incomplete &&
		    !view_reseed_failed(view))
			return "the declared intent was not used for the last change: " INTENT_REMEDY;
		if (view->incomplete || !view->recorded)
			return "a directory of hooks or the record could not be used: " VIEW_ALL_REMEDY;
		if (view_counts(view) && !view->n_failures && !view_reseed_failed(view) &&
		    !view->seed_errno)
			return "the host counts restores and provides no ID, so a change while this system is down is not detected: vmgenctl check";
		if (view->shares_id && !view->n_failures && !view_reseed_failed(view) &&
		    !view->seed_errno)
			return VIEW_SHARES_ID ": " VIEW_SHARES_ID_REMEDY;
		return "a hook, the reseed or the seed file failed: " VIEW_FAILED_REMEDY;
	case CTL_RNG_OTHER:
		return "programs may draw from another random number generator than the one that is reseeded: vmgenctl check";
	case CTL_OK:
	case CTL_FAILED:
	case CTL_USAGE:
	case CTL_NO_RIGHTS:
	case CTL_NO_DEVICE:
	case CTL_NO_MODULE:
	case CTL_NO_ID:
	case CTL_FENCED:
	case CTL_NEWER:
	case CTL_ASKS_NOT:
	case CTL_TIMEOUT:
		break;
	}
	return NULL;
}
