/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Fences: units that must stay down until somebody has fixed what a change
 * broke. A unit asks for its own in ExecStartPre=, so it does not matter who
 * starts it. A fence belongs to a generation: who answers an older change does
 * not undo what a newer one has made necessary.
 */
#ifndef FENCEFILE_H
#define FENCEFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "statefile.h"

enum {
	FENCE_REASON_SIZE = 512,
	/* For who holds the lock, and is stopped or hangs. */
	FENCE_LOCK_MS = 2000,
};

struct fence {
	/* One line of UTF-8 that can be printed; may be empty. */
	char reason[FENCE_REASON_SIZE];
	uint64_t generation;
	/* Empty: nobody knows which generation it belongs to. */
	char boot_id[BOOT_ID_SIZE];
	/* What is wrong with the file, which is a fence anyway; NULL: nothing. */
	const char *damage;
};

/* Who sets a fence, or lifts it. */
struct fence_author {
	/* A hook answers one generation; an administrator may do anything. */
	bool is_hook;
	/* The generation is known. */
	bool has_generation;
	uint64_t generation;
};

/*
 * A hook has VMGEN_GENERATION in its environment. Returns 0; -EINVAL: that is no number, and its
 * generation is not known.
 */
int fence_find_hook(struct fence_author *ret_author);

enum fence_result {
	FENCE_SET,
	/* In the place of another one. */
	FENCE_REPLACED,
	/* There is one of a newer generation, which stays as it is. */
	FENCE_NEWER,
};

/* Makes one line that can be printed of a reason; one that is too long is cut. */
void fence_clean_reason(const char *reason, char ret_reason[FENCE_REASON_SIZE]);

/* The units are full names (base/unitname.h) below. */

/*
 * Opens the fences of a state directory. create: make what is missing. Waits
 * for nobody. Returns 0 and a descriptor that the caller closes; -ENOENT: there
 * are none; -EPERM: the directory is another user's; -errno.
 */
int fence_open(const char *state_dir, bool create, int *ret_fd);

/* Returns 0; -EWOULDBLOCK: somebody else has held the lock all the time; -errno. */
int fence_lock(int fd);
void fence_unlock(int fd);

/*
 * Fences a unit. Takes the lock, and does without it in the end: nothing keeps a
 * unit from being fenced. On a full disk a fence has no reason.
 *
 * Returns 0: it is on disk; -errno: it may be in place anyway.
 */
int fence_set(int fd, const char *unit, const char *reason, const struct fence_author *author,
	      enum fence_result *ret_result);

/*
 * The caller holds the lock, and calls fence_sync() afterwards. Returns 0;
 * -ENOENT: there was none; -ESTALE: the author answers an older generation, or
 * nobody knows; -errno.
 */
int fence_lift(int fd, const char *unit, const struct fence_author *author);

/* Returns 0: what was set and lifted is on disk; or -errno. */
int fence_sync(int fd);

/*
 * Returns 0: the unit is fenced. -ENOENT: it is not. Otherwise nobody knows:
 * -errno.
 */
int fence_read(int fd, const char *unit, struct fence *ret_fence);

/*
 * Calls visit for each fence, in the order of the names, until it returns other
 * than 0. Returns that, 0, or -errno. state_dir may be missing.
 */
int fence_each(const char *state_dir, int (*visit)(const char *unit, const struct fence *fence,
						   void *context), void *context);

#endif /* FENCEFILE_H */
