/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * repair/: the answer to a change, and to a request of an administrator (drill.h); what
 * others and the host are told of it (report.h), and the target that systemd starts then (target.h).
 *
 * In: sightings, messages of the guardian, ends of children; the record, intents, and
 * requests for a drill.
 * Out: a run on record, its hooks run, the ID handled; the files of the runtime
 * directory, the history, the seed file.
 * Never: "handled" while a guard is still to run or is lost. Whether that is on disk is
 * told beside it. What failed stops nothing: it is told, and the rest is done, but for
 * what another start may do better (failed, below).
 *
 * The answer to a change, in this order: reseed, record that a run began, run the
 * hooks, record the ID as handled, report. The guards among the hooks are the
 * guardian's, if there is one; at a change they have begun by then.
 */
#ifndef REPAIR_H
#define REPAIR_H

#include "config/config.h"
#include "run/run.h"
#include "witness/sighting.h"

struct courier;
struct drill_report;
struct guardian_message;

struct repair {
	const struct config *config;
	/* Told with the rest; NULL: none. */
	const struct drill_report *drill;
	/* As on disk, as far as that can be written; see state_add_result(). */
	struct state state;
	/* The state could be written. */
	bool recorded;
	/* If not: why, -errno; 0: it was not tried. */
	int record_error;
	/* Runs the guards; NULL, or one that is gone: the run below does. */
	struct guardian *guardian;
	/* Tells the host; NULL: nobody does. */
	struct courier *courier;
	/* What the run below waits for: the guards that the guardian has. */
	bool guards_pending;
	/* CLOCK_MONOTONIC in milliseconds: by then it has told what comes next of them. */
	int64_t guards_deadline_ms;
	/* All is over but a guard that could not be started, or whose end nobody knows. */
	bool guard_lost;
	/* NULL: no hook is to be run at the moment. */
	struct run *run;
	/* The answer could not be begun; another process must try. */
	bool failed;
	/* Held while hooks are running, also by those who look after them. */
	int lock_fd;
	/* Ends when the hooks of an earlier vmgend have ended; 0: none run. */
	pid_t waiter;
	/* What is waited for must be over before other services start. */
	bool waiter_holds_start;
	/* What the device showed last. */
	struct sighting seen;
	/* It came during the run, or hooks of a drill, and is answered next. */
	bool pending;
	/* A change was handled: the target is to be started. main.c takes this back. */
	bool finished;
	/* Of the answer to the change seen last. */
	int reseed_error;
	/* What was told last of fork sentinels, and of which generation; see sentinels.c. */
	struct tally sentinels;
	uint64_t sentinels_generation;
};

/* Prepares. The configuration must outlive it. */
void repair_init(struct repair *repair, const struct config *config);

void repair_clear(struct repair *repair);

/* As part of every answer, and if there will be none. Returns 0 or -errno. */
int repair_reseed(const struct sighting *sighting);

/*
 * Begins the answer to a change that was just detected. hold: hooks of a drill are
 * still running, and repair_resume() is called when they have ended.
 */
void repair_change(struct repair *repair, const struct sighting *sighting, bool hold);

/* To be called when a child has ended. */
void repair_advance(struct repair *repair);

/* What the guardian tells. */
void repair_hear(struct repair *repair, const struct guardian_message *message);

/* sentinels.c: of those, what the guardian tells; and the record of a run gets what it told. */
void repair_hear_sentinels(struct repair *repair, const struct guardian_message *message);
void repair_note_sentinels(struct repair *repair, struct record *run);

/* Adds the run that finished last to the history, or replaces it there. state_fd: or -errno. */
void repair_keep_history(const struct repair *repair, int state_fd);

/* Has the guardian told nothing of the guards for too long? */
bool repair_misses_guards(const struct repair *repair);

/* To be called when there is no guardian any more. */
void repair_take_over(struct repair *repair);

/* Starts a guard that was lost once more, unless that is the guardian's. */
void repair_retry(struct repair *repair);

/* Records the run that finished last as it is now, and tells it. */
void repair_update(struct repair *repair);

/* Begins the same answer once more, although nothing has changed. */
void repair_again(struct repair *repair);

/* Begins what had to wait for the hooks of a drill. */
void repair_resume(struct repair *repair);

/* Is there a run that must be over before other services start? */
bool repair_holds_start(const struct repair *repair);

/* Tells everybody else how it stands. activity: a word. */
void repair_report(const struct repair *repair, const char *activity);

/* The same, because of something else than the run. */
void repair_report_again(const struct repair *repair);

/* Is nothing left to do for what was seen? */
bool repair_idle(const struct repair *repair);

/* Steps of an answer, shared with startup.c: */

/* On top of what the hooks may take; the next number says its own limit. */
enum { EXTEND_MARGIN_SEC = 30 };

/* Returns a descriptor as that of state_open(), or -errno. */
int repair_open_state(const struct repair *repair);

/* fd: of repair_open_state(), or what it failed with. Closes it. */
void repair_save(struct repair *repair, int fd);

/*
 * Asks the guardian for the guards of a run. Returns false if they are not its
 * business. resume: they may have succeeded already.
 */
bool repair_ask_guardian(const struct repair *repair, const struct record *run, bool resume);

/*
 * Makes the record of a new run, or of one to be finished, and has the guards begin.
 * repair_save() follows. fd: of repair_open_state(), or what it failed with.
 */
void repair_prepare(struct repair *repair, int fd, enum event event, bool resume);

/* Without a guardian: begins the guards of the run on record. repair_launch() has to follow. */
void repair_begin_guards(struct repair *repair);

/* Begins the run on record. */
void repair_launch(struct repair *repair);

#endif /* REPAIR_H */
