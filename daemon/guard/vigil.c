/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The life of the guardian: it has the guards ready, releases them at a change,
 * and gets the next ones ready.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "base/compat.h"
#include "base/guest.h"
#include "base/log.h"
#include "base/paths.h"
#include "hookwatch.h"
#include "lookout.h"
#include "message.h"
#include "pinner.h"
#include "rng/random.h"
#include "run/run.h"
#include "vigil.h"
#include "witness/sighting.h"

enum {
	/* A witness that cannot be polled is looked at so often. */
	LOOK_INTERVAL_MS = 1000,
	/* Until what could not be started is tried again; doubled each time. */
	FIRST_PAUSE_MS = 1000,
	LAST_PAUSE_MS = 64000,
	/*
	 * With one CPU all else that is done after a release takes it from the guards,
	 * which are about to be executed: so long nothing is.
	 */
	HEAD_START_MS = 25,
	HOLD_PAUSE_MS = 500,
	NEVER = -1,
};

struct vigil {
	const struct config *config;
	int daemon_fd, child_fd;
	struct witness witness;
	struct hookwatch hookwatch;
	/* Keeps the guards in memory; 0 or less: nobody does. */
	pid_t pinner;
	/* Zeroes fork sentinels beside the guards. */
	struct lookout lookout;
	/* What was seen last. */
	struct sighting seen;
	/* NULL: not ready. */
	struct answer *held;
	/* The hooks may be others by now. */
	bool outdated;
	/* The latest that was begun; NULL: none yet. */
	struct answer *begun;
	/* The daemon waits for what became of it, and has heard of so many guards. */
	bool asked;
	size_t n_told;
	/* CLOCK_BOOTTIME in milliseconds, or NEVER: no word from the daemon, ... */
	int64_t patience_ends;
	/* ... what has to be prepared (again), ... */
	int64_t hold_again;
	/* ... and the daemon is to hear that guards have begun. */
	int64_t tell_begun;
	/* When that was tried last. */
	int64_t held_ms;
	unsigned int pause_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void pin(struct vigil *vigil)
{
	if (vigil->pinner > 0)
		return;
	vigil->pinner = pinner_start(vigil->config);
	if (vigil->pinner < 0)
		log_warning("cannot keep the guards in memory: %s; if the disk hangs, they may not start",
			    strerror(-vigil->pinner));
}

static void hold_later(struct vigil *vigil)
{
	int64_t now = now_ms();

	if (now - vigil->held_ms > LAST_PAUSE_MS)
		vigil->pause_ms = FIRST_PAUSE_MS;
	vigil->hold_again = now + vigil->pause_ms;
	if (vigil->pause_ms < LAST_PAUSE_MS)
		vigil->pause_ms *= 2;
}

/* What is watched is what has been read last, so that no change is missed. */
static void watch_hooks(struct vigil *vigil)
{
	int r;

	hookwatch_clear(&vigil->hookwatch);
	r = hookwatch_init(&vigil->hookwatch, vigil->config);
	if (r)
		log_warning("cannot watch the directories of hooks: %s; a change to a guard counts when vmgend is reloaded",
			    strerror(-r));
	/* It may be another set of files now. */
	if (vigil->pinner > 0)
		(void)kill(vigil->pinner, SIGKILL);
	vigil->pinner = 0;
}

/*
 * Gets ready what the next change will need. The disk is read only if something
 * has changed on it: it may hang, and then the guardian would.
 */
static void hold(struct vigil *vigil)
{
	const struct answer *like = vigil->outdated ? NULL : vigil->held ?: vigil->begun;
	struct answer *next;
	size_t missing;

	if (!like)
		watch_hooks(vigil);
	next = answer_new(vigil->config, like);
	missing = next ? run_hold(next->run) : 1;
	pin(vigil);
	lookout_post(&vigil->lookout, vigil->config);
	if (missing && vigil->held) {
		/* Better those that were ready before than none. */
		answer_free(next);
	} else {
		answer_free(vigil->held);
		vigil->held = next;
	}
	vigil->outdated = missing;
	vigil->hold_again = NEVER;
	vigil->held_ms = now_ms();
	if (!missing)
		return;
	log_error("not all guards could be prepared; vmgend tries again");
	hold_later(vigil);
}

/* Returns false if the daemon has not taken earlier ones yet. */
static bool tell(const struct vigil *vigil, enum guardian_word word,
		 const struct hook_result *result)
{
	struct guardian_message message = {
		.word = word, .event = vigil->begun->record.event,
		.generation = vigil->begun->record.generation,
		.incomplete = vigil->begun->record.incomplete,
		.limit_sec = run_limit(vigil->begun->run), .sentinels = vigil->lookout.report.tally,
	};

	strcpy(message.id_hash, vigil->begun->record.id_hash);
	if (result)
		message.report.result = *result;
	if (result && result->output)
		snprintf(message.report.output, sizeof(message.report.output), "%s", result->output);
	return send(vigil->daemon_fd, &message, sizeof(message),
		    MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(message);
}

/* A newer change makes what is told of an older one void. */
static void tell_zeroed(struct vigil *vigil)
{
	struct sentinel_report *report = &vigil->lookout.report;

	if (!vigil->begun || report->generation != vigil->begun->record.generation ||
	    tell(vigil, GUARDIAN_SENTINELS, NULL))
		report->tally.known = false;
}

static bool has_results(const struct vigil *vigil)
{
	return vigil->asked && vigil->begun && vigil->begun->over;
}

/* As many as the daemon takes; the rest when it takes more. */
static void tell_results(struct vigil *vigil)
{
	const struct record *record = &vigil->begun->record;

	for (; vigil->n_told < record->n_results; vigil->n_told++)
		if (!tell(vigil, GUARDIAN_RESULT, &record->results[vigil->n_told]))
			return;
	vigil->asked = !tell(vigil, GUARDIAN_OVER, NULL);
}

/* Of a process that stood by for the next change. */
static void lose(struct vigil *vigil, pid_t pid)
{
	if (pid == vigil->pinner)
		vigil->pinner = 0;
	else if (!vigil->held || !run_holds(vigil->held->run, pid))
		return;
	if (vigil->hold_again != NEVER)
		return;
	log_warning("a process that held a guard ready for the next change is gone; all guards are prepared again");
	hold_later(vigil);
}

static void advance(struct vigil *vigil)
{
	struct answer *answer = vigil->begun;
	pid_t pid;

	/* Those that were given up have nothing to tell. */
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		lose(vigil, pid);
	if (answer && !answer->over)
		answer->over = !run_advance(answer->run);
}

static void release(struct vigil *vigil, const struct keeper_order *order)
{
	struct answer *answer = vigil->held ?: answer_new(vigil->config, vigil->begun);

	vigil->held = NULL;
	vigil->hold_again = now_ms() + HOLD_PAUSE_MS;
	vigil->tell_begun = now_ms() + HEAD_START_MS;
	if (!answer) {
		log_error("cannot run the guards: %s", strerror(ENOMEM));
		return;
	}
	/*
	 * Older ones that still run are ended by those that begin now, and older ones
	 * that were held up do not begin after them.
	 */
	if (vigil->begun)
		run_stop(vigil->begun->run);
	answer_free(vigil->begun);
	vigil->begun = answer;
	vigil->asked = false;
	vigil->patience_ends = NEVER;
	run_release(answer->run, order);
	lookout_wake(&vigil->lookout, order->run.generation);
	/* There may be none. */
	advance(vigil);
}

static bool has_begun(const struct vigil *vigil, const struct keeper_order *order)
{
	const struct answer *begun = vigil->begun;

	return begun && begun->record.event == order->run.event &&
	       !strcmp(begun->record.id_hash, order->run.id_hash);
}

static void release_for(struct vigil *vigil, enum event event)
{
	const struct sighting *seen = &vigil->seen;
	struct keeper_order order = {
		.run = { .event = event, .generation = seen->generation, .hint = "unknown" },
	};

	strcpy(order.run.id_hash, seen->id_hash);
	strcpy(order.run.source, witness_name(seen->source));
	/* The daemon may have seen it first, and asked. */
	if (!has_begun(vigil, &order))
		release(vigil, &order);
}

static void on_witness(struct vigil *vigil)
{
	uint64_t known = vigil->seen.generation;
	size_t hardware;
	int r;

	r = witness_read(&vigil->witness);
	if (!r || r == -EPIPE)
		r = sighting_look(&vigil->witness, &vigil->seen);
	if (r == -EAGAIN || r == -EINTR || r == -ETIMEDOUT)
		return;
	if (r) {
		log_error("cannot watch for changes beside vmgend any more: %s", strerror(-r));
		_exit(1);
	}
	if (vigil->seen.generation == known)
		return;
	/* Guards may draw, too. The daemon does it again, with more. */
	(void)random_reseed(RANDOM_DEVICE, NULL, vigil->seen.has_id ? vigil->seen.id : NULL,
			    &hardware);
	if (vigil->seen.has_id)
		release_for(vigil, EVENT_CHANGED);
}

/* The daemon has not seen the latest change yet, and is going to ask for that. */
static bool is_outdated(const struct vigil *vigil, const struct keeper_order *order)
{
	return vigil->begun && vigil->begun->record.generation > order->run.generation;
}

static void on_daemon(struct vigil *vigil)
{
	struct keeper_order order;
	ssize_t n = recv(vigil->daemon_fd, &order, sizeof(order), 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* Guards that are running go on. */
	if (n != sizeof(order))
		_exit(0);
	vigil->patience_ends = NEVER;
	if (order.run.event == EVENT_NONE)
		return;
	if (is_outdated(vigil, &order))
		return;
	if (!has_begun(vigil, &order))
		release(vigil, &order);
	else if (vigil->tell_begun == NEVER)
		(void)tell(vigil, GUARDIAN_BEGUN, NULL);
	vigil->asked = true;
	vigil->n_told = 0;
}

static void on_time(struct vigil *vigil, int64_t now)
{
	if (vigil->patience_ends != NEVER && vigil->patience_ends <= now) {
		log_error("the record is not there after %d s: guards run, because this machine may have been cloned or restored",
			  GUARDIAN_PATIENCE_MS / 1000);
		vigil->patience_ends = NEVER;
		if (vigil->seen.has_id)
			release_for(vigil, EVENT_UNKNOWN);
	}
	if (vigil->tell_begun != NEVER && vigil->tell_begun <= now) {
		vigil->tell_begun = NEVER;
		if (vigil->begun)
			(void)tell(vigil, GUARDIAN_BEGUN, NULL);
	}
	if (vigil->hold_again != NEVER && vigil->hold_again <= now)
		hold(vigil);
}

/* Returns what poll(2) takes: how long nothing has to be done. */
static int time_left(const struct vigil *vigil, bool looks)
{
	int64_t times[] = { vigil->patience_ends, vigil->hold_again, vigil->tell_begun };
	int64_t now = now_ms(), left = looks ? LOOK_INTERVAL_MS : NEVER;
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] != NEVER && (left == NEVER || times[i] - now < left))
			left = times[i] > now ? times[i] - now : 0;
	return left;
}

static void __attribute__((noreturn)) watch(struct vigil *vigil)
{
	int witness = witness_fd(&vigil->witness);
	struct pollfd fds[] = {
		{ .fd = witness, .events = POLLIN },
		{ .fd = vigil->daemon_fd, .events = POLLIN },
		{ .fd = vigil->child_fd, .events = POLLIN },
		{ .events = POLLIN },
		{ .events = POLLIN },
	};
	struct signalfd_siginfo ended;
	int n;

	for (;;) {
		fds[1].events = POLLIN |
				(has_results(vigil) || vigil->lookout.report.tally.known ? POLLOUT : 0);
		fds[3].fd = vigil->hookwatch.fd;
		fds[4].fd = lookout_fd(&vigil->lookout);
		n = poll(fds, 5, time_left(vigil, witness < 0));
		if (n < 0)
			continue;
		if (fds[0].revents || (witness < 0 && !n))
			on_witness(vigil);
		if (fds[1].revents)
			on_daemon(vigil);
		if (fds[2].revents) {
			(void)!read(vigil->child_fd, &ended, sizeof(ended));
			advance(vigil);
		}
		if (fds[3].revents && hookwatch_read(&vigil->hookwatch)) {
			vigil->outdated = true;
			vigil->hold_again = 0;
		}
		if (fds[4].revents && !lookout_read(&vigil->lookout))
			hold_later(vigil);
		on_time(vigil, now_ms());
		if (has_results(vigil))
			tell_results(vigil);
		if (vigil->lookout.report.tally.known)
			tell_zeroed(vigil);
	}
}

void vigil_keep(const struct config *config, int daemon_fd)
{
	struct vigil vigil = {
		.config = config, .daemon_fd = daemon_fd, .hookwatch.fd = -1,
		.patience_ends = now_ms() + GUARDIAN_PATIENCE_MS, .hold_again = NEVER,
		.tell_begun = NEVER, .pause_ms = FIRST_PAUSE_MS, .outdated = true,
	};
	sigset_t child;
	int error, r;

	/* Or a program that is busy goes on until its time is over. Where it may not: as before. */
	(void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	vigil.child_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	r = vigil.child_fd < 0 ? -errno : 0;
	if (!r)
		r = witness_open(config->device, GUEST_SYSFS, &vigil.witness, &error);
	if (!r)
		r = sighting_look(&vigil.witness, &vigil.seen);
	if (r) {
		log_error("cannot watch for changes beside vmgend itself: %s", strerror(-r));
		_exit(1);
	}
	hold(&vigil);
	watch(&vigil);
}
