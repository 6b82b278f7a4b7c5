/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Network name spaces: this one, those with a name, and those that only processes are in.
 * Others' processes may make as many as they like, so the walk has an end, and those of one
 * user do not keep it from the others.
 */
#ifndef NETNS_H
#define NETNS_H

#include <limits.h>
#include <stdbool.h>

enum {
	/* Of this process's user name space. */
	NETNS_MAX = 1024,
	/* Of other ones: altogether, and of one who has made such ones. */
	NETNS_FOREIGN_MAX = 2048,
	NETNS_USER_MAX = 128,
	/* So long a hook walks. */
	NETNS_WALK_MS = 20000,
	NETNS_NAME_SIZE = sizeof("of process ") + NAME_MAX,
};

struct netns {
	/* "" for its own, a file's name, or "of process 123"; to be escaped before it is printed. */
	const char *name;
	/* Where that file is; NULL: it has none. */
	const char *directory;
	/*
	 * It belongs to another user name space. A user who has made that, which any may, is
	 * root in it: what he does or says there must not make work fail that is done for all.
	 */
	bool foreign;
};

struct netns_visitor {
	/*
	 * Called in each one, by the same thread: its own first, then those of its user name
	 * space, then foreign ones.
	 */
	void (*visit)(const struct netns *netns, void *context);
	/*
	 * Told of those that could not be visited. error: -errno, for place_reason(). Of foreign
	 * ones that are too many, or too late, it is told once for each user or for all, with
	 * their owner as the name.
	 */
	void (*missed)(const struct netns *netns, int error, void *context);
	void *context;
};

/*
 * Visits the network name spaces, and begins no further visit after limit_ms. Without the
 * right to enter others it visits its own. Returns 0; -E2BIG, -ETIMEDOUT: there may be others
 * of its user name space which were not looked for; -errno: the thread is not in its own any
 * more, and must end.
 */
int netns_walk(int limit_ms, const struct netns_visitor *visitor);

#endif /* NETNS_H */
