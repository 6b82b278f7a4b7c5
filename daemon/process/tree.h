/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * All descendants of this process, in any session or group they moved to. A
 * subreaper (PR_SET_CHILD_SUBREAPER) loses none of them while it lives.
 */
#ifndef TREE_H
#define TREE_H

#include "leftover.h"

struct tree {
	/* All that there were, also those that had ended and were not reaped. */
	size_t n_processes;
	/* Those that had not ended. */
	struct leftover alive;
	/* How many of them were free to run on, and so to fork. */
	size_t running;
};

/*
 * Sends a signal to every descendant; 0: none, as kill(2); SIGTERM: to none that is started
 * because of it. They may have forked since, so who wants an end of them stops them first.
 * ret_tree: what there was just before. Returns 0 or -errno: /proc cannot be read.
 */
int tree_signal(int signal, struct tree *ret_tree);

/* Who takes the ends of children; returns of how many. */
struct tree_reaper {
	size_t (*reap)(void *context);
	void *context;
};

/*
 * Stops every descendant. When none runs, none starts another, so that what ends
 * them then misses none. Gives up after limit_ms. Nobody but the reaper may take
 * the ends of children meanwhile: the dead tell of what moves. As tree_signal().
 */
int tree_stop(unsigned int limit_ms, const struct tree_reaper *reaper, struct tree *ret_tree);

#endif /* TREE_H */
