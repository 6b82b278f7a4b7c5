/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * ctl/view/: what commands share: their arguments, what they read, how they show it.
 *
 * In: the device, status.json, hooks and their settings, without privileges.
 * Out: structures that are whole or say what is missing, and words for them.
 * Never: a change of anything but a request that vmgend takes (request.h), and the
 * directory of the state, which session.h makes where there is none.
 *
 * All that can be known about this machine without privileges, and what that
 * amounts to. Several commands show it, each in its own way.
 */
#ifndef VIEW_H
#define VIEW_H

#include "base/guest.h"
#include "libvmgen.h"
#include "session.h"
#include "vmgend.h"

struct view {
	enum guest guest;
	struct vmgen_event event;
	struct vmgen_info info;
	/* NULL: vmgend says nothing. */
	struct json_object *vmgend;
	bool running, handled, recorded;
	/* vmgend detects changes by something else than the device. */
	bool fallback;
	/* The device had a counter when vmgend was started, and has an ID now. */
	bool outdated;
	/* A guard of the run that is not finished could not be started. */
	bool guard_lost;
	/* The run that finished last, and its hooks; part of vmgend; NULL: none. */
	struct json_object *last, *hooks;
	uint64_t reseed_errno, seed_errno, n_failures;
	bool incomplete;
	/* Why an intent was not used in it; NULL: none was left out. */
	const char *intent_unused;
	/* A copy of an image, with the ID of the original. */
	bool shares_id;
	/* The machine ID is new since this boot. */
	bool new_machine_id;
};

#define VIEW_SHARES_ID	"this machine is a copy of an image and has the ID of the original, so it kept that one's identity"
#define VIEW_SHARES_ID_REMEDY \
	"give it a GUID of its own on the host, and boot it with that"
/* Of a run in which something failed; of one that lacked hooks or cannot be recorded. */
#define VIEW_ASK_THE_LOG	"the log of vmgend shows why (journalctl -u vmgend)"
#define VIEW_FAILED_REMEDY	VIEW_ASK_THE_LOG "; when that is fixed: vmgenctl trigger --failed"
#define VIEW_ALL_REMEDY		VIEW_ASK_THE_LOG "; when that is fixed: vmgenctl trigger --real"
#define VIEW_OUTDATED	"vmgend was started before this VM had an ID, and does not use it"

/* Looks at the device and at vmgend's files. The caller clears the view. */
void view_read(const struct ctl *ctl, struct view *ret_view);

void view_clear(struct view *view);

/* Returns the word for what there is of the device. */
const char *view_device(const struct view *view);

bool view_has_id(const struct view *view);

/* Is there no ID, but a counter of the host's, so that changes are seen while the machine runs? */
bool view_counts(const struct view *view);

/* Returns why vmgend cannot record what it did, if it cannot, and the remedy. */
const char *view_record_error(const struct view *view);

/* Did the reseed of the last run fail? */
bool view_reseed_failed(const struct view *view);

/* May a change have gone unseen while the machine was hibernated? */
bool view_id_untrusted(const struct view *view);

/* Returns the exit status for a machine whose device cannot be used. */
enum ctl_exit ctl_guest_exit(enum guest guest);

/* May programs draw from another generator than the one that is reseeded? */
bool view_rng_other(const struct view *view);

enum ctl_exit view_verdict(const struct view *view);

/* Returns a sentence: what is wrong, and the remedy; NULL: nothing. */
const char *view_explain(const struct view *view, enum ctl_exit verdict);

/* Returns the word for what detected a change: that of the kernel log as well. */
const char *view_detected_by(uint32_t source);

/* Is the outcome of a hook, as in status.json, one that nobody need look at? */
bool view_outcome_good(const char *outcome);

/* Is this member there, and true? */
bool view_is_true(struct json_object *object, const char *key);

#endif /* VIEW_H */
