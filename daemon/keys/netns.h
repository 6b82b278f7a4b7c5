/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Network name spaces: this one, those with a name, and those that only processes are in.
 * Others' processes may make as many as they like, so the walk has an end.
 */
#ifndef NETNS_H
#define NETNS_H

#include <limits.h>

enum {
	NETNS_MAX = 1024,
	NETNS_NAME_SIZE = sizeof("of process ") + NAME_MAX,
};

struct netns_visitor {
	/*
	 * Called in each one, by the same thread, its own first. name: "" for its own, a
	 * file's name, or "of process 123"; to be escaped before it is printed.
	 */
	void (*visit)(const char *name, void *context);
	/* Told of those that could not be visited: error: -errno. */
	void (*missed)(const char *name, int error, void *context);
	void *context;
};

/*
 * Visits the network name spaces, and begins no further visit after limit_ms. Without the
 * right to enter others it visits its own. Returns 0; -E2BIG, -ETIMEDOUT: there are others
 * which were not looked for; -errno: the thread is not in its own any more, and must end.
 */
int netns_walk(int limit_ms, const struct netns_visitor *visitor);

#endif /* NETNS_H */
