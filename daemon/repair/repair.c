/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The answer to a change. Nothing stops it: what cannot be done is told, and
 * the rest is done.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "base/guest.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/paths.h"
#include "config/hook.h"
#include "guard/guardian.h"
#include "policy.h"
#include "record/historyfile.h"
#include "repair.h"
#include "report.h"
#include "rng/random.h"
#include "rng/seed.h"

/* For the guardian, which has nothing else to do, to begin. */
enum { BEGIN_LIMIT_MS = 1000 };

void repair_init(struct repair *repair, const struct config *config)
{
	*repair = (struct repair){ .config = config, .lock_fd = -1 };
}

void repair_clear(struct repair *repair)
{
	if (repair->run)
		run_stop(repair->run);
	repair->run = run_free(repair->run);
	if (repair->lock_fd >= 0)
		close(repair->lock_fd);
	repair->lock_fd = -1;
	state_clear(&repair->state);
	explicit_bzero(&repair->seen, sizeof(repair->seen));
}

int repair_reseed(const struct sighting *sighting)
{
	const struct log_fields fields = {
		.message = MESSAGE_NOT_RESEEDED, .generation = sighting->generation,
	};
	size_t hardware;
	int r;

	r = random_reseed(RANDOM_DEVICE, RANDOM_HARDWARE, sighting->has_id ? sighting->id : NULL,
			  &hardware);
	if (sighting->rng_other || guest_in_fips_mode(GUEST_FIPS))
		log_warning("programs may draw from another random number generator than the one that is reseeded: vmgenctl check");
	if (!r)
		log_info("reseeded the kernel's random number generator, with %zu bytes of hardware entropy",
			 hardware);
	else if (r == -ENODATA)
		log_warning("the kernel's random number generator is not seeded yet, so it cannot reseed; the ID is mixed in and takes effect when it is (a virtio-rng device makes that sooner)");
	else
		log_event(LOG_ERR, &fields,
			  "cannot reseed the kernel's random number generator, clones may draw the same numbers: %s%s",
			  strerror(-r), r == -EPERM ? " (vmgend needs CAP_SYS_ADMIN)" :
			  r == -EAGAIN ? " (the kernel's pool holds too little; a virtio-rng device fills it)" : "");
	return r;
}

void repair_report(const struct repair *repair, const char *activity)
{
	const struct report report = {
		.config = repair->config, .state = &repair->state, .seen = &repair->seen,
		.drill = repair->drill, .running = repair->run, .waiting = repair->waiter,
		.recorded = repair->recorded, .record_error = repair->record_error,
	};

	report_activity(&report, activity);
}

void repair_report_again(const struct repair *repair)
{
	repair_report(repair, repair->run ? "running" : repair->waiter ? "waiting" : "watching");
}

void repair_save(struct repair *repair, int fd)
{
	int r = fd < 0 ? fd : policy_save(repair->config, fd, &repair->state);
	const struct log_fields fields = {
		.message = MESSAGE_NOT_RECORDED, .generation = repair->seen.generation,
	};

	repair->recorded = !r;
	repair->record_error = r;
	if (r)
		log_event(LOG_ERR, &fields,
			  "cannot record in %s, so vmgend does this again after a restart: %s",
			  repair->config->state_dir, file_strerror(r));
	if (fd >= 0)
		close(fd);
}

int repair_open_state(const struct repair *repair)
{
	int fd, r;

	r = state_open(repair->config->state_dir, &fd);
	return r ? r : fd;
}

bool repair_ask_guardian(const struct repair *repair, const struct record *run, bool resume)
{
	struct keeper_order order = { .run = *run, .resume = resume };

	if (!repair->guardian)
		return false;
	if (run->event == EVENT_ADOPTED)
		order.run.event = EVENT_NONE;
	order.run.results = NULL;
	order.run.n_results = 0;
	return !guardian_request(repair->guardian, &order) && order.run.event != EVENT_NONE;
}

void repair_prepare(struct repair *repair, int fd, enum event event, bool resume)
{
	struct record *record = &repair->state.run;
	struct record replaced = { .event = EVENT_NONE };

	if (!resume) {
		replaced = *record;
		*record = (struct record){ .event = EVENT_NONE };
		record_detect(record);
	}
	/* A run may be finished with another witness than it was begun with. */
	strcpy(record->id_hash, repair->seen.id_hash);
	strcpy(record->source, witness_name(repair->seen.source));
	record->event = event;
	record->generation = repair->seen.generation;
	record->reseed_error = repair->reseed_error;
	repair_note_sentinels(repair, record);
	if (!resume)
		policy_describe(repair->config, fd, &repair->state, &replaced);
	record_clear(&replaced);
	repair->guards_pending = repair_ask_guardian(repair, record, resume);
	repair->guards_deadline_ms = deadline_in(BEGIN_LIMIT_MS);
}

static bool prepare_hooks(struct repair *repair)
{
	enum run_part part = repair->guards_pending ? RUN_REST : RUN_ALL;
	int r = run_new(repair->config, &repair->state.run, part, repair->lock_fd, &repair->run);

	if (r) {
		log_error("cannot prepare the hooks: %s", strerror(-r));
		repair->failed = true;
	}
	return !r;
}

void repair_begin_guards(struct repair *repair)
{
	/* Others record what they have done, which the next repair_save() would not know. */
	if (!repair->guards_pending && prepare_hooks(repair))
		run_begin_guards(repair->run);
}

void repair_launch(struct repair *repair)
{
	if (repair->failed || (!repair->run && !prepare_hooks(repair)))
		return;
	repair->guard_lost = false;
	repair_report(repair, "running");
	repair_advance(repair);
}

/* Begins a run of all hooks for the ID that was seen last. */
static void launch_changed(struct repair *repair)
{
	int fd = repair_open_state(repair);

	repair_prepare(repair, fd, EVENT_CHANGED, false);
	repair_save(repair, fd);
	repair_launch(repair);
}

void repair_keep_history(const struct repair *repair, int state_fd)
{
	int r = state_fd < 0 ? 0 : history_add(state_fd, &repair->state.last);

	if (r)
		log_error("cannot add to %s/" NAME_HISTORY ": %s", repair->config->state_dir,
			  r == -EBADMSG ? "it is damaged; move it away" : file_strerror(r));
}

/* For the next boot, and for who asks what happened; neither holds the run up. */
static void keep_traces(struct repair *repair, int state_fd)
{
	struct record *last = &repair->state.last;
	const char *seed_file = repair->config->seed_file;
	char reason[SEED_REASON_SIZE];
	int r;

	r = last->reseed_error ? 0 : seed_refresh(seed_file, reason);
	if (r && r != -ENOENT)
		log_error("the seed file was not renewed, so the next boot starts with the same seed as every clone: %s",
			  reason);
	last->seed_error = r == -ENOENT ? 0 : r;
	repair_keep_history(repair, state_fd);
}

/* Is vmgen-changed.target started for it? A copy of an image is a clone, too. */
static bool concerns_others(const struct record *run)
{
	if (run->event == EVENT_ADOPTED)
		return !strcmp(run->intent, "clone") && strcmp(run->hint, "rollback");
	return (run->event == EVENT_CHANGED || run->event == EVENT_BOOT_CHANGED) && !run->skipped;
}

static void finish(struct repair *repair)
{
	struct state *state = &repair->state;
	const struct record *last = &state->last;
	struct log_fields fields;
	int fd;

	repair->run = run_free(repair->run);
	record_clear(&state->last);
	state->last = state->run;
	record_finish(&state->last);
	state->run = (struct record){ .event = EVENT_NONE };
	/* What was made up is nothing that another boot could compare. */
	if (!repair->seen.made_up)
		strcpy(state->handled, last->id_hash);
	fd = repair_open_state(repair);
	keep_traces(repair, fd);
	repair_save(repair, fd);
	fields = report_fields(last);
	log_event(LOG_NOTICE, &fields, "generation %" PRIu64 " is handled (%s): hooks: %zu, failed: %zu; random number generator %s",
		   last->generation, event_name(last->event), last->n_results,
		   record_failures(last), report_reseed(last->reseed_error));
	/* Who waits for the generation may look at the status next. */
	repair_report(repair, "watching");
	report_generation(repair->config, last->generation);
	report_to_host(repair->courier, &repair->seen, last, true);
	repair->finished |= concerns_others(last);
}

static bool is_guard_lost(const struct record *run)
{
	size_t i;

	for (i = 0; i < run->n_results; i++)
		if (run->results[i].outcome == OUTCOME_LOST &&
		    event_is_guard(hook_band(run->results[i].name)))
			return true;
	return false;
}

void repair_update(struct repair *repair)
{
	int fd = repair_open_state(repair);

	keep_traces(repair, fd);
	repair_save(repair, fd);
	report_to_host(repair->courier, &repair->seen, &repair->state.last, true);
}

static void advance_run(struct repair *repair)
{
	if (repair->guards_pending && !repair->pending)
		return;
	if (run_advance(repair->run)) {
		if (repair_holds_start(repair))
			notify_extend_start(run_limit(repair->run) + EXTEND_MARGIN_SEC);
		return;
	}
	if (repair->pending) {
		repair->run = run_free(repair->run);
		repair_resume(repair);
		return;
	}
	/* It may do damage all the time, so this is not handled before it has run. */
	repair->guard_lost = is_guard_lost(&repair->state.run);
	if (repair->guard_lost)
		repair_report(repair, "running");
	else
		finish(repair);
}

void repair_hear(struct repair *repair, const struct guardian_message *message)
{
	struct record *run = &repair->state.run;

	if (message->word == GUARDIAN_SENTINELS)
		repair_hear_sentinels(repair, message);
	if (!repair->run || strcmp(message->id_hash, run->id_hash) || message->event != run->event)
		return;
	/* They are not always ready, so what they may take at most is doubled. */
	if (message->word == GUARDIAN_BEGUN)
		repair->guards_deadline_ms = deadline_in(2 * INT64_C(1000) * message->limit_sec +
							 EXTEND_MARGIN_SEC * 1000);
	if (message->word == GUARDIAN_BEGUN && repair_holds_start(repair))
		notify_extend_start(message->limit_sec + EXTEND_MARGIN_SEC);
	if (message->word == GUARDIAN_RESULT &&
	    record_set_result(run, &message->report.result))
		log_error("%s: cannot keep its result: out of memory", message->report.result.name);
	if (message->word != GUARDIAN_OVER)
		return;
	run->incomplete |= message->incomplete;
	repair->guards_pending = false;
	/* Their keepers may have been faster than the record of this run. */
	repair_save(repair, repair_open_state(repair));
	repair_advance(repair);
}

bool repair_misses_guards(const struct repair *repair)
{
	return repair->guards_pending && !deadline_left(repair->guards_deadline_ms);
}

/* Guards may run twice, so all that have not succeeded begin again. */
void repair_take_over(struct repair *repair)
{
	if (!repair->run || !repair->guards_pending)
		return;
	repair->guards_pending = false;
	repair->run = run_free(repair->run);
	repair_launch(repair);
}

void repair_retry(struct repair *repair)
{
	if (!repair->run || !repair->guard_lost)
		return;
	run_retry(repair->run);
	repair_advance(repair);
}

void repair_resume(struct repair *repair)
{
	if (!repair->pending)
		return;
	repair->pending = false;
	if (repair->seen.has_id)
		launch_changed(repair);
	else
		/* The run for the ID before stays on record as it is: unfinished. */
		repair_report(repair, "watching");
}

void repair_again(struct repair *repair)
{
	struct guardian *guardian = repair->guardian;

	repair->reseed_error = repair_reseed(&repair->seen);
	/* For the guardian this ID is done. */
	repair->guardian = NULL;
	launch_changed(repair);
	repair->guardian = guardian;
}

void repair_change(struct repair *repair, const struct sighting *sighting, bool hold)
{
	const struct log_fields fields = {
		.message = MESSAGE_CHANGED, .event = event_name(EVENT_CHANGED),
		.generation = sighting->generation,
	};

	log_event(LOG_NOTICE, &fields, "generation %" PRIu64 ": this machine was cloned or restored",
		  sighting->generation);
	repair->seen = *sighting;
	repair->reseed_error = repair_reseed(sighting);
	/* It is of the machine that this one was. */
	courier_drop(repair->courier);
	if (!sighting->has_id) {
		log_warning("the host provides no ID now; the hooks run when it does");
		return;
	}
	if (repair->waiter)
		return;
	if (repair->run) {
		log_notice("this change came during a run: guards start at once, and the other hooks run when those that are running have ended");
		run_stop(repair->run);
		repair->pending = true;
		repair_advance(repair);
		return;
	}
	repair->pending = hold;
	if (!repair->pending)
		launch_changed(repair);
}

void repair_advance(struct repair *repair)
{
	if (repair->run)
		advance_run(repair);
}

bool repair_holds_start(const struct repair *repair)
{
	if (repair->waiter)
		return repair->waiter_holds_start;
	return repair->run && repair->state.run.event != EVENT_CHANGED && !repair->guard_lost;
}

bool repair_idle(const struct repair *repair)
{
	return !repair->run && !repair->waiter;
}
