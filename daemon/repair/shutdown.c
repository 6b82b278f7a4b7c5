/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The mark of a clean shutdown. At a start it goes outside the disk first: the other way
 * round, a disk that goes back to where it still had it would find it there, too.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/systemd.h"
#include "process/capture.h"
#include "record/markstore.h"
#include "shutdown.h"

enum {
	/* For the driver of a store that was there at the shutdown. */
	DRIVER_LIMIT_MS = 10000,
	DRIVER_PAUSE_MS = 100,
	SYSTEMD_LIMIT_MS = 5000,
	/* More than that driver and all that is asked of a store may take at a start. */
	TAKE_LIMIT_SEC = 90,
	NUMBER_BYTES = (MARK_SIZE - 1) / 2,
};

static const char *explain(int r)
{
	/* Of no disk, which file_strerror() would name. */
	return r == -EBADMSG ? "what is there is not vmgend's" :
	       r == -ENOPKG ? "tpm2-tools is not installed" :
	       r == -EIO ? "it was refused, or failed" : file_strerror(r);
}

static void wait_for_driver(const struct markstore *store, const struct mark_place *place)
{
	const struct timespec pause = { .tv_nsec = DRIVER_PAUSE_MS * 1000000L };
	int64_t deadline = deadline_in(DRIVER_LIMIT_MS);

	while (!store->is_there(place) && deadline_left(deadline))
		(void)nanosleep(&pause, NULL);
}

/*
 * Takes the mark out of the store. Returns 0, with MARK_CLEARED if that had none; or
 * -errno, also where it is still there.
 */
static int take_outside(const struct markstore *store, const struct mark_place *place,
			char ret_mark[MARK_SIZE])
{
	int r = store->get(place, ret_mark), r2 = 0;

	if (r == -ENOENT)
		return r;
	/* What cannot be read may be there anyway. */
	if (r != -EBADMSG && r != -ENOPKG && (r || strcmp(ret_mark, MARK_CLEARED)))
		r2 = store->put(place, MARK_CLEARED);
	if (r || r2)
		log_error("the mark of a clean shutdown cannot be %s (%s): %s; a disk that goes back to the last shutdown may be taken for an ordinary boot later: fix the cause, or set boot-change = run in vmgend.conf",
			  r2 ? "cleared" : "read", store->title, explain(r2 ? r2 : r));
	return r ? r : r2;
}

static const char *compare(const char *inside, const char *outside)
{
	/* The system ran, and both say so: that tells nothing. */
	if (!*inside && !strcmp(outside, MARK_CLEARED))
		return "none";
	return strcmp(inside, outside) ? "other" : "same";
}

bool shutdown_may_wait(const struct config *config, const struct state *state)
{
	return config->boot_change == BOOT_CHANGE_COUNTER || markstore_named(state->shutdown_store);
}

bool shutdown_take(const struct config *config, struct state *state, struct record *run)
{
	const struct mark_place place = {
		.sysfs = config->sysfs, .runtime_dir = config->runtime_dir,
	};
	bool counts = config->boot_change == BOOT_CHANGE_COUNTER, marked = *state->shutdown;
	const struct markstore *store = markstore_named(state->shutdown_store);
	char outside[MARK_SIZE];
	int r = -ENOENT;

	if (shutdown_may_wait(config, state))
		notify_extend_start(TAKE_LIMIT_SEC + EXTEND_MARGIN_SEC);
	if (store)
		wait_for_driver(store, &place);
	else if (counts)
		store = markstore_first(&place);
	if (store)
		r = take_outside(store, &place, outside);
	if (run && run->event == EVENT_BOOT_CHANGED) {
		strcpy(run->shutdown, marked ? "clean" : "unclean");
		strcpy(run->counter, !counts ? "" : r ? "none" : compare(state->shutdown, outside));
	}
	*state->shutdown = '\0';
	*state->shutdown_store = '\0';
	return marked;
}

/* systemd is asked: a package's script or an administrator stops vmgend as well. */
static bool system_goes_down(void)
{
	static const char *const argv[] = { "systemctl", "is-system-running", NULL };
	char answer[64];

	return systemd_runs() &&
	       capture_output(argv, environ, SYSTEMD_LIMIT_MS, answer, sizeof(answer)) >= 0 &&
	       !strcmp(answer, "stopping\n");
}

static int draw(char ret_mark[MARK_SIZE])
{
	uint8_t number[NUMBER_BYTES];
	size_t i;

	if (getrandom(number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		return -EAGAIN;
	for (i = 0; i < sizeof(number); i++)
		snprintf(ret_mark + 2 * i, 3, "%02x", number[i]);
	return 0;
}

/* Is that all done on disk, too? It may have been forgotten, for the copies of an image. */
static bool is_settled(const struct state *state, const struct sighting *seen)
{
	return !*state->run.id_hash && !strcmp(state->handled, seen->id_hash);
}

static bool is_unchanged(const struct witness *witness, const struct sighting *seen)
{
	struct sighting now;

	return !sighting_look(witness, &now) && now.generation == seen->generation &&
	       !strcmp(now.id_hash, seen->id_hash);
}

static void mark_outside(const struct config *config, struct state *state)
{
	const struct mark_place place = {
		.sysfs = config->sysfs, .runtime_dir = config->runtime_dir,
	};
	const struct markstore *store = markstore_first(&place);
	char found[MARK_SIZE];
	int r;

	if (!store) {
		log_warning("there is no EFI variable and no TPM to keep a mark in outside the disk, so a new ID at the next boot counts as a change (boot-change = counter)");
		return;
	}
	/* Who else has put something there is not to lose it. */
	r = store->get(&place, found);
	if (r != -EBADMSG)
		r = store->put(&place, state->shutdown);
	if (!r)
		strcpy(state->shutdown_store, store->name);
	else
		log_error("cannot leave a mark outside the disk (%s): %s; a new ID at the next boot counts as a change",
			  store->title, explain(r));
}

static void mark(const struct repair *repair, const struct witness *witness, int fd,
		 struct state *state)
{
	const struct config *config = repair->config;
	int r = draw(state->shutdown);

	if (!r && config->boot_change == BOOT_CHANGE_COUNTER)
		mark_outside(config, state);
	/* What came meanwhile is answered by the next start. */
	if (!is_unchanged(witness, &repair->seen))
		return;
	if (!r)
		r = state_save(fd, state);
	if (r)
		log_error("cannot record in %s that the system was shut down in order: %s",
			  config->state_dir, file_strerror(r));
	else
		log_info("the system goes down in order, and nothing is left to do");
}

void shutdown_mark(const struct repair *repair, const struct witness *witness)
{
	const struct sighting *seen = &repair->seen;
	struct state state;
	int fd;

	if (!seen->has_id || seen->made_up || !repair_idle(repair) || repair->pending ||
	    !is_unchanged(witness, seen) || !system_goes_down())
		return;
	fd = repair_open_state(repair);
	if (fd < 0)
		return;
	if (!state_load(fd, &state, NULL)) {
		if (is_settled(&state, seen))
			mark(repair, witness, fd, &state);
		state_clear(&state);
	}
	close(fd);
}
