/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The answer to what happened while vmgend was not running.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/notify.h"
#include "guard/guardian.h"
#include "policy.h"
#include "process/lock.h"
#include "repair.h"
#include "report.h"
#include "run/run.h"
#include "shutdown.h"
#include "startup.h"

/* It says nothing about the record, and another start may have more luck. */
static bool is_shortage(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

/* Returns 0, or what state_load() or state_open() failed with. */
static int load(struct repair *repair, int fd)
{
	const char *reason, *directory = repair->config->state_dir;
	int r, r2;

	if (fd < 0) {
		log_error("cannot open the state directory %s: %s", directory, file_strerror(fd));
		/* That is not the same as a directory without a record. */
		return fd == -ENOENT ? -EIO : fd;
	}
	r = state_load(fd, &repair->state, &reason);
	if (!r || r == -ENOENT)
		return r;
	if (is_shortage(r)) {
		log_error("cannot read %s/state.json: %s", directory, reason);
		return r;
	}
	log_error("%s/state.json cannot be used: %s; it is kept as state.json.bad, only guards run, and the present ID is recorded",
		  directory, reason);
	r2 = state_keep_bad(fd);
	if (r2)
		log_error("cannot keep %s/state.json: %s", directory, file_strerror(r2));
	return r;
}

static void log_start(enum event event, const struct sighting *sighting, bool resume)
{
	static const char *const texts[] = {
		[EVENT_NONE]		= "nothing happened while vmgend was not running",
		[EVENT_ADOPTED]		= "adopted: there is no record to compare with, so the present ID is recorded",
		[EVENT_CHANGED]		= "changed: this machine was cloned or restored while vmgend was not running",
		[EVENT_BOOT_CHANGED]	= "boot-changed: the ID changed while the system was down, so this machine was cloned or restored, unless its host gives a new ID to ordinary boots",
		[EVENT_UNKNOWN]		= "unknown: perhaps this machine was cloned or restored",
	};
	static const char without_id[] = "adopted: without an ID there is nothing to compare with across a boot or a new start of the counter, and no hook runs";
	static const enum message messages[] = {
		[EVENT_ADOPTED] = MESSAGE_ADOPTED, [EVENT_CHANGED] = MESSAGE_CHANGED,
		[EVENT_BOOT_CHANGED] = MESSAGE_CHANGED, [EVENT_UNKNOWN] = MESSAGE_UNKNOWN,
	};
	const struct log_fields fields = {
		.message = messages[event], .event = event_name(event),
		.generation = sighting->generation,
	};

	if (!sighting->has_id)
		log_warning("the host provides no generation ID (all zeros or all ones); give the device of this VM a GUID on the host");
	else if (event == EVENT_NONE && sighting->source == WITNESS_KMSG)
		log_notice("what happened while vmgend was not running is not known");
	else
		log_event(LOG_NOTICE, &fields, "generation %" PRIu64 ": %s%s", sighting->generation,
			  event == EVENT_ADOPTED && sighting->made_up ? without_id : texts[event],
			  resume ? "; the run was interrupted and is finished now" : "");
}

static void begin(struct repair *repair)
{
	const struct sighting *sighting = &repair->seen;
	struct state *state = &repair->state;
	char boot_id[BOOT_ID_SIZE] = "";
	int fd = repair_open_state(repair), r;
	enum event event;
	bool resume, same_boot, noted;

	r = load(repair, fd);
	if (is_shortage(r)) {
		if (fd >= 0)
			close(fd);
		(void)repair_reseed(sighting);
		repair->failed = true;
		return;
	}
	repair->recorded = !r;
	if (state_boot_id(boot_id))
		log_warning("cannot read the ID of this boot: a change is taken for one before it");
	event = sighting_decide(r, state, sighting, boot_id);
	resume = event != EVENT_NONE && sighting_resumes(state, sighting, boot_id);
	same_boot = !strcmp(state->boot_id, boot_id);
	sighting_continue(state, boot_id, &repair->seen);
	log_start(event, sighting, resume);
	strcpy(state->boot_id, boot_id);
	noted = policy_start(repair->config, fd, state, event, same_boot);
	if (event == EVENT_NONE) {
		(void)repair_ask_guardian(repair, &(struct record){ .event = EVENT_NONE }, false);
		noted |= shutdown_take(repair->config, state, NULL);
		if (!r && (!same_boot || noted))
			repair_save(repair, fd);
		else if (fd >= 0)
			close(fd);
		report_generation(repair->config, sighting->has_id ? sighting->generation : 0);
		repair_report(repair, "watching");
		report_to_host(repair->courier, sighting, &state->last, false);
		return;
	}
	repair->reseed_error = repair_reseed(sighting);
	repair_prepare(repair, fd, event, resume);
	/* Guards begin before a store is asked, and can record their ends while it hangs. */
	if (shutdown_may_wait(repair->config, state)) {
		repair_save(repair, fd);
		repair_begin_guards(repair);
		fd = -1;
	}
	(void)shutdown_take(repair->config, state, resume ? NULL : &state->run);
	if (!resume)
		policy_weigh(repair->config, &state->run);
	repair_save(repair, fd < 0 ? repair_open_state(repair) : fd);
	report_generation(repair->config, 0);
	repair_launch(repair);
}

/* Before the hooks of an earlier vmgend have ended: guards do not wait for them. */
static void begin_guards(const struct repair *repair)
{
	const struct sighting *seen = &repair->seen;
	struct record run = { .generation = seen->generation, .hint = "unknown" };
	struct state state = { .boot_id = "" };
	char boot_id[BOOT_ID_SIZE] = "";
	int fd = repair_open_state(repair), r;

	r = fd < 0 ? fd : state_load(fd, &state, NULL);
	if (fd >= 0)
		close(fd);
	(void)state_boot_id(boot_id);
	run.event = sighting_decide(r, &state, seen, boot_id);
	/* Those hooks are for this ID, and guards may be among them. */
	if (sighting_resumes(&state, seen, boot_id))
		run.event = EVENT_NONE;
	strcpy(run.id_hash, seen->id_hash);
	strcpy(run.source, witness_name(seen->source));
	(void)repair_ask_guardian(repair, &run, false);
	state_clear(&state);
}

static int wait_for_hooks(struct repair *repair)
{
	int r = lock_wait(repair->lock_fd, &repair->waiter);

	if (r)
		return r;
	begin_guards(repair);
	log_notice("hooks of an earlier vmgend are still running; vmgend continues when they have ended");
	repair->waiter_holds_start = state_holds_start(repair->config->state_dir);
	if (repair->waiter_holds_start)
		notify_extend_start(RUN_LIMIT_MAX + EXTEND_MARGIN_SEC);
	repair->reseed_error = repair_reseed(&repair->seen);
	report_generation(repair->config, 0);
	repair_report(repair, "waiting");
	return 0;
}

void startup_begin(struct repair *repair, const struct sighting *sighting)
{
	char directory[PATH_MAX];
	int r;

	repair->seen = *sighting;
	snprintf(directory, sizeof(directory), "%s/lock", repair->config->runtime_dir);
	r = lock_open(directory, "run", &repair->lock_fd);
	if (!r)
		r = lock_take(repair->lock_fd, NULL);
	if (!r) {
		/* Keepers of guards take their share of it by themselves. */
		(void)lock_share(repair->lock_fd);
		begin(repair);
		return;
	}
	if (r == -EWOULDBLOCK)
		r = wait_for_hooks(repair);
	if (r) {
		log_error("cannot lock %s/run: %s", directory, strerror(-r));
		repair->failed = true;
	}
}

void startup_advance(struct repair *repair)
{
	int status;

	if (!repair->waiter || waitpid(repair->waiter, &status, WNOHANG) != repair->waiter)
		return;
	repair->waiter = 0;
	repair->failed = status != 0;
	if (repair->failed) {
		log_error("the process that waited for hooks of an earlier vmgend is gone");
		return;
	}
	(void)lock_share(repair->lock_fd);
	begin(repair);
}
