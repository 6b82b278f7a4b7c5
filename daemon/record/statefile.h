/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The state of vmgend across restarts and power cuts: which ID was handled
 * last, and what an unfinished run has achieved. Several processes change it
 * (the daemon, and the keeper of each hook), so each change is a transaction:
 *
 *	int fd, r = state_open(directory, &fd);
 *	state_load(fd, ...); change; state_save(fd, ...);
 *	close(fd);
 *
 * The file is rolled back with the disk, and so is what it says.
 */
#ifndef STATEFILE_H
#define STATEFILE_H

#include "machine.h"
#include "markstore.h"
#include "record.h"

/* A UUID as text, and the terminating zero. */
enum { BOOT_ID_SIZE = 37 };

struct state {
	/* Of the boot that wrote the state last. */
	char boot_id[BOOT_ID_SIZE];
	/* Hash of the ID that was handled last; empty: none yet. */
	char handled[HASH_SIZE];
	/* As it was when that was. */
	struct machine machine;
	/*
	 * The system was shut down in order, and vmgend had nothing left to do: a number
	 * that was drawn then. Empty: it runs, or it was not.
	 */
	char shutdown[MARK_SIZE];
	/* The name of the store that got the same; empty: none did. */
	char shutdown_store[RECORD_WORD_SIZE];
	/* The intent that may still be in its place was used. */
	bool intent_spent;
	/* So was the mark of an image that may still be there. */
	bool image_spent;
	/* The unfinished run. */
	struct record run;
	/* The run that finished last. */
	struct record last;
};

/* Frees what belongs to it and empties it. */
void state_clear(struct state *state);

/*
 * Opens the state directory, creates it if needed, and locks the state until
 * the descriptor is closed. Returns 0; -ETIMEDOUT: another process has it locked
 * for half a minute; or -errno.
 */
int state_open(const char *directory, int *ret_fd);

/*
 * Returns 0; -ENOENT: there is no state yet; -ENOMEM, -EMFILE, -ENFILE: nothing
 * is known about it. Otherwise it cannot be used, and ret_reason, which may be
 * NULL, points to constant text that says why.
 */
int state_load(int fd, struct state *ret_state, const char **ret_reason);

/* Returns 0: it is on disk; or -errno. */
int state_save(int fd, const struct state *state);

/* Removes the state, for the copies of this system. Returns 0 or -errno. */
int state_forget(int fd);

/* Gives a state file that cannot be used the second name state.json.bad. */
int state_keep_bad(int fd);

/*
 * Adds the result of a hook to the unfinished run for an ID. Returns 0;
 * -ESTALE: no such run is unfinished; -errno.
 */
int state_add_result(const char *directory, const char *id_hash,
		     const struct hook_result *result);

/*
 * Looks up the result of a hook, without its output, in the unfinished run for an ID.
 * Returns 0; -ENOENT: there is none; -errno.
 */
int state_result(const char *directory, const char *id_hash, const char *hook,
		 struct hook_result *ret_result);

/* Must the unfinished run before other services start? Yes in doubt. */
bool state_holds_start(const char *directory);

/* Reads the ID of this boot. Returns 0 or -errno. */
int state_boot_id(char ret_boot_id[BOOT_ID_SIZE]);

#endif /* STATEFILE_H */
