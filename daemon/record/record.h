/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * record/: what outlives a restart: the files of the state directory (statefile.h,
 * historyfile.h, intentfile.h, fencefile.h; of vmgend-samba-ad noticefile.h), what this
 * machine was (machine.h), and a mark outside of its disk (markstore.h).
 *
 * In: what was done, and what was seen.
 * Out: the same, after any restart or power cut, or an error that says so; of the
 * history the latest runs.
 * Never: half a file, but for a fence, of which it counts that it is there; or an
 * answer: nothing in here starts or repairs anything.
 *
 * The record of one run: what happened, for which ID, and how each hook ended.
 * The state file, the history, the status file and the run itself share it.
 */
#ifndef RECORD_H
#define RECORD_H

#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"
#include "base/hash.h"
#include "tally.h"

/* How a hook ended. */
enum outcome {
	/* Exit status 0. */
	OUTCOME_SUCCEEDED,
	/* Exit status 77. */
	OUTCOME_NOT_APPLICABLE,
	/* Any other exit status. */
	OUTCOME_FAILED,
	/* By a signal that vmgend did not send. */
	OUTCOME_KILLED,
	/* Its time was over, and vmgend ended it; or before it could begin: never ran. */
	OUTCOME_TIMED_OUT,
	/* It did not pass the checks or could not be executed: never ran. */
	OUTCOME_UNUSABLE,
	/* Nobody knows: its keeper is gone or could not be started, or a guard could not begin. */
	OUTCOME_LOST,
};

/* Returns the word for an outcome. */
const char *outcome_name(enum outcome outcome);

/* Is there nothing left to do for this hook? */
bool outcome_settled(enum outcome outcome);

struct hook_result {
	char name[NAME_MAX + 1];
	enum outcome outcome;
	/* Exit status of failed, number of the signal of killed; otherwise 0. */
	int status;
	uint64_t duration_ms;
	/*
	 * The last lines that a hook printed, made safe; NULL: none. In a record it belongs
	 * to that, and where there is no room for all, what failed goes first.
	 */
	const char *output;
};

enum {
	/* What the outputs of a record may take, each of OUTPUT_EXCERPT_SIZE at most. */
	RECORD_OUTPUT_MAX = 16384,
	/* Of lower-case letters, and the terminating zero. */
	RECORD_WORD_SIZE = 16,
	/* Of what ASCII can print, and the terminating zero. */
	RECORD_TEXT_SIZE = 512,
	/* Of record_name_valid(), and the terminating zero. */
	RECORD_NAME_SIZE = 64,
};

struct record {
	/* Empty: this record holds nothing. */
	char id_hash[HASH_SIZE];
	enum event event;
	/* "clone", "rollback" or "unknown": what the machine looks like. */
	char hint[RECORD_WORD_SIZE];
	/* "clone", "restore" or empty: what was said that this is. Not for guards. */
	char intent[RECORD_WORD_SIZE];
	/*
	 * Who said so: "admin", "image" (the mark that it left), or where the host did: a name
	 * of hostplace.h. Empty as the intent is.
	 */
	char intent_from[RECORD_WORD_SIZE];
	/* Who this machine was told to be; empty: nobody said. Not for guards. */
	char name[RECORD_NAME_SIZE];
	/* Why what the administrator said was not used; empty: it was, or nothing was said. */
	char intent_unused[RECORD_TEXT_SIZE];
	/* What told of it: a word of witness_name(). */
	char source[RECORD_WORD_SIZE];
	uint64_t generation;
	/* CLOCK_REALTIME, microseconds; finished is 0 during the run. A hook may step it. */
	uint64_t detected_usec, finished_usec;
	/* CLOCK_BOOTTIME; 0: not known, or of another boot than the one that finishes it. */
	uint64_t detected_boottime_usec, finished_boottime_usec;
	/* 0, or the negative errno of the reseed. */
	int reseed_error;
	/* 0, or why the seed of the next boot is that of every clone: a negative errno. */
	int seed_error;
	/* Outside of the record of changes: neither stored nor read back. */
	bool drill;
	/* A directory of hooks could not be used, so hooks may be missing. */
	bool incomplete;
	/*
	 * Of boot-changed: "clean" or "unclean", how the system went down before. Empty: of
	 * another event.
	 */
	char shutdown[RECORD_WORD_SIZE];
	/*
	 * Of boot-changed, where boot-change says "counter": "same" or "other", whether what
	 * is kept outside the disk says the same as the disk; "none": it says nothing.
	 */
	char counter[RECORD_WORD_SIZE];
	/* What became of fork sentinels, which nobody waits for: it may come after the end. */
	struct tally sentinels;
	/* The boot policy left out all that it may leave out. */
	bool skipped;
	size_t n_results;
	struct hook_result *results;
};

/*
 * Can a machine be told that this is its name? 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-",
 * the first neither "." nor "-": no program takes it for an option, or for a path elsewhere.
 */
bool record_name_valid(const char *name);

/* An empty word says nothing. from: see intent_from; may be that of another record. */
void record_set_intent(struct record *record, const char *word, const char *from);

enum { RECORD_SAID_SIZE = 2 * RECORD_WORD_SIZE + RECORD_NAME_SIZE + 8 };

/* Returns text: what was said that this is, who, and by whom. */
const char *record_said(const struct record *record, char text[RECORD_SAID_SIZE]);

/* Frees what belongs to it and empties it. */
void record_clear(struct record *record);

/* Notes the time at which it began. */
void record_detect(struct record *record);

/* Notes the time at which it ended. */
void record_finish(struct record *record);

/*
 * How long it took, in microseconds. Returns false: it is not finished, or it was in
 * another boot than it began.
 */
bool record_duration(const struct record *record, uint64_t *ret_usec);

/*
 * When it began by the clock as it was set meanwhile, in microseconds since 1970.
 * Returns false: the clock was not stepped, as far as that is known.
 */
bool record_corrected(const struct record *record, uint64_t *ret_usec);

/*
 * Replaces the result of the same hook, or adds it; copies the output, unless there is no
 * room for it. Returns 0 or -ENOMEM.
 */
int record_set_result(struct record *record, const struct hook_result *result);

/* Returns the result of a hook, or NULL. */
const struct hook_result *record_result(const struct record *record, const char *hook);

/* How many things need someone to look at them? */
size_t record_failures(const struct record *record);

enum record_view {
	/* For root: with the outputs of hooks that failed. */
	RECORD_WHOLE,
	/* For root: with those of all hooks. */
	RECORD_OUTPUTS,
	/* For everybody. */
	RECORD_PUBLIC,
};

/* Returns a new object of all results, which the caller puts; NULL: no memory. */
struct json_object *record_results_to_json(const struct record *record, enum record_view view);

/* Returns a new object that the caller puts; NULL: no memory. */
struct json_object *record_to_json(const struct record *record, enum record_view view);

/* Adds a member, or nothing if the record holds nothing. Returns 0 or -ENOMEM. */
int record_add_json(const struct record *record, enum record_view view,
		    struct json_object *json, const char *key);

/* Returns 0; -EBADMSG: not a record; -ENOMEM. */
int record_from_json(struct json_object *json, struct record *ret_record);

#endif /* RECORD_H */
