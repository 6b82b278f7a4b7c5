/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of vmgend: whether it runs, how the last run went,
 * and whether the next one would.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/systemd.h"
#include "ctl/view/inventory.h"
#include "finding.h"
#include "record/historyfile.h"
#include "record/imagefile.h"
#include "record/intentfile.h"
#include "record/markstore.h"

enum { FIRST_APPLICATION_BAND = 80 };

/* What its source cannot tell, one text or several. */
static void check_lost(const struct view *view, struct findings *findings)
{
	const char *remedy = systemd_or("load the module vmgenc, then: systemctl restart vmgend",
					"load the module vmgenc, then restart vmgend");
	struct json_object *lost;
	size_t i;

	if (!json_object_object_get_ex(view->vmgend, "lost", &lost))
		return;
	if (json_object_is_type(lost, json_type_string) && json_object_get_string_len(lost))
		finding_add(findings, "source", FINDING_WARNING, remedy, "%s",
			    json_object_get_string(lost));
	for (i = 0; json_object_is_type(lost, json_type_array) &&
	     i < json_object_array_length(lost); i++)
		finding_add(findings, "source", FINDING_WARNING, remedy, "%s",
			    json_object_get_string(json_object_array_get_idx(lost, i)));
}

static void check_vmgend(const struct view *view, struct findings *findings)
{
	if (!view->running) {
		finding_add(findings, "vmgend", FINDING_PROBLEM,
			    systemd_or("systemctl enable --now vmgend",
				       "start vmgend with the init system of this machine"),
			    "vmgend is not running, so no hook runs");
		return;
	}
	if (!view->recorded)
		finding_add(findings, "vmgend", FINDING_PROBLEM,
			    VIEW_ALL_REMEDY,
			    "vmgend cannot record what it did, so it does it again after a restart: %s",
			    view_record_error(view));
	else if (view->outdated)
		finding_add(findings, "vmgend", FINDING_PROBLEM,
			    systemd_or("systemctl restart vmgend", "restart vmgend"), VIEW_OUTDATED);
	else if (!view->handled && view->guest == GUEST_READY &&
		 (view_has_id(view) || view_counts(view)))
		finding_add(findings, "vmgend", FINDING_WARNING, "vmgenctl wait --settled",
			    "vmgend is running; the last change is not handled yet");
	else
		finding_add(findings, "vmgend", FINDING_OK, "", "vmgend is running");
	/* Of a counter check_kernel() tells it, and of one that is gone there is nothing to tell. */
	if (!view_counts(view) && !view->outdated)
		check_lost(view, findings);
}

static void check_last_run(const struct view *view, struct findings *findings)
{
	const char *event = "?", *outcome;

	if (!view->last)
		return;
	(void)json_get_text(view->last, "event", &event);
	if (view_reseed_failed(view))
		finding_add(findings, "reseed", FINDING_PROBLEM, VIEW_FAILED_REMEDY,
			    "at the last change (%s) vmgend could not reseed the kernel's random number generator: %s",
			    event, strerror(view->reseed_errno));
	if (view->incomplete)
		finding_add(findings, "last-run", FINDING_PROBLEM, VIEW_ALL_REMEDY,
			    "at the last change (%s) a directory of hooks could not be used", event);
	if (view->seed_errno)
		finding_add(findings, "seed", FINDING_PROBLEM, VIEW_FAILED_REMEDY,
			    "at the last change (%s) the seed file was not renewed, so the next boot starts with the same seed as every clone",
			    event);
	if (view->intent_unused)
		finding_add(findings, "intent", FINDING_PROBLEM, INTENT_REMEDY, "%s",
			    view->intent_unused);
	if (view->shares_id)
		finding_add(findings, "image", FINDING_PROBLEM, VIEW_SHARES_ID_REMEDY, VIEW_SHARES_ID);
	if (view->hooks && !view->n_failures && !view->incomplete)
		finding_add(findings, "last-run", FINDING_OK, "",
			    "at the last change (%s) no hook failed, of %d", event,
			    json_object_object_length(view->hooks));
	if (!view->n_failures)
		return;
	json_object_object_foreach(view->hooks, name, hook) {
		if (json_get_text(hook, "outcome", &outcome))
			outcome = "?";
		if (!view_outcome_good(outcome))
			finding_add(findings, "last-run", FINDING_PROBLEM, VIEW_FAILED_REMEDY,
				    "at the last change (%s) hook %s: %s", event, name, outcome);
	}
}

static void check_left_out(const struct inventory *inventory, struct findings *findings)
{
	size_t i;

	for (i = 0; i < json_object_array_length(inventory->complaints); i++)
		finding_add(findings, "hooks", inventory->list.incomplete ? FINDING_PROBLEM :
			    FINDING_WARNING, "", "%s",
			    json_object_get_string(json_object_array_get_idx(inventory->complaints, i)));
}

static void check_hooks(const struct inventory *inventory, struct findings *findings)
{
	size_t i, counts[ITEM_UNUSABLE + 1] = { 0 }, applications = 0;
	const struct item *item = inventory->items;

	for (i = 0; i < inventory->list.n_hooks; i++, item++) {
		counts[item->state]++;
		applications += item->state == ITEM_ON &&
				item->hook->band >= FIRST_APPLICATION_BAND;
		if (item_state_bad(item->state))
			finding_add(findings, "hooks", FINDING_PROBLEM, "", "%s: %s",
				    item->hook->name, item->reason);
	}
	check_left_out(inventory, findings);
	if (counts[ITEM_ON])
		finding_add(findings, "hooks", FINDING_OK, "",
			    "hooks that run: %zu; disabled: %zu; masked: %zu", counts[ITEM_ON],
			    counts[ITEM_DISABLED], counts[ITEM_MASKED]);
	else
		finding_add(findings, "hooks", FINDING_WARNING, "see vmgend-hooks(7)",
			    "no hook would run, so at a change only the kernel's random number generator is reseeded");
	if (!applications)
		finding_add(findings, "programs", FINDING_NOTE,
			    "restart them in a hook from 80 on, see vmgend-hooks(7)",
			    "programs with generators, keys or sessions of their own (OpenSSL, GnuTLS, Java) keep them");
}

/* Whether the runs that finished can be told. */
static void check_history(const struct ctl *ctl, struct findings *findings)
{
	char remedy[2 * PATH_MAX];
	struct json_object *runs;
	int r;

	r = history_read(ctl->state_dir, &runs);
	if (!r)
		json_object_put(runs);
	/* The directory is root's alone, and other findings say so. */
	if (!r || r == -ENOENT || r == -EACCES)
		return;
	snprintf(remedy, sizeof(remedy), "mv %s/" NAME_HISTORY " %s/" NAME_HISTORY ".bad",
		 ctl->state_dir, ctl->state_dir);
	finding_add(findings, "history", FINDING_PROBLEM, r == -EBADMSG ? remedy : "",
		    "%s/" NAME_HISTORY " cannot be used, so no run is added to it: %s", ctl->state_dir,
		    r == -EBADMSG ? "it is damaged" : file_strerror(r));
}

/* A mark that is forgotten makes a copy of what is restored elsewhere. */
static void check_image(const struct ctl *ctl, struct findings *findings)
{
	int fd = open(ctl->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct image image;
	const char *reason;

	/* The directory is root's alone, and other findings say so. */
	if (fd < 0)
		return;
	r = image_read(fd, &image, &reason);
	close(fd);
	if (!r)
		finding_add(findings, "image", FINDING_NOTE,
			    "if it is not a template any more: vmgenctl image undo",
			    "this is a template: a machine that starts with its disk and another ID takes a new identity, even when it is restored on another host");
	else if (r != -ENOENT)
		finding_add(findings, "image", FINDING_PROBLEM,
			    "vmgenctl image undo, then prepare it again",
			    "the mark of a template cannot be used, so copies keep its identity: %s", reason);
}

/* With boot-change = counter: is there something outside the disk to ask? */
static void check_boot_change(const struct config *config, struct findings *findings)
{
	const struct mark_place place = {
		.sysfs = config->sysfs, .runtime_dir = config->runtime_dir,
	};
	const struct markstore *store;

	if (config->boot_change != BOOT_CHANGE_COUNTER)
		return;
	store = markstore_first(&place);
	if (store)
		finding_add(findings, "shutdown", FINDING_OK, "",
			    "boot-change = counter: a shutdown leaves its mark in the %s", store->title);
	else if (geteuid())
		finding_add(findings, "shutdown", FINDING_NOTE, "run this as root",
			    "boot-change = counter: only root can tell whether there is a TPM for a mark outside the disk");
	else
		finding_add(findings, "shutdown", FINDING_WARNING,
			    "give this VM UEFI firmware or a TPM, or set boot-change = run in vmgend.conf",
			    "boot-change = counter, but nothing outside the disk can keep a mark, so each new ID at boot counts as a change");
}

void check_service(const struct ctl *ctl, const struct view *view, struct findings *findings)
{
	char error[SETTINGS_ERROR_SIZE];
	struct inventory inventory;

	check_vmgend(view, findings);
	check_last_run(view, findings);
	check_history(ctl, findings);
	check_image(ctl, findings);
	check_fences(ctl, findings);
	check_notices(ctl, findings);
	if (inventory_read(ctl->config, &inventory, error)) {
		finding_add(findings, "config", FINDING_PROBLEM,
			    "fix it; vmgend --check-config checks it", "%s", error);
		return;
	}
	finding_add(findings, "config", FINDING_OK, "", "no mistake in %s", ctl->config);
	check_boot_change(&inventory.config, findings);
	check_hooks(&inventory, findings);
	inventory_clear(&inventory);
}
