/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Units that keep session keys with counters in their processes and run now, found by their
 * cgroups, which only the service manager makes; and whether the hook 80-restart-units ends
 * them without a word.
 */
#ifndef TUNNELS_H
#define TUNNELS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { TUNNELS_MAX = 32 };

struct tunnel {
	char unit[NAME_MAX + 1];
	/* In the list of units that are restarted. */
	bool listed;
	/* A restart kills it (SIGKILL). */
	bool killed;
};

struct tunnels {
	struct tunnel units[TUNNELS_MAX];
	size_t n;
	/* There are others, for which there was no room or no time. */
	bool more;
	/* -errno: the service manager did not say how a unit is restarted. */
	int error;
};

/* Variables for tests: where the cgroups of units are, and the list. */
extern const char *tunnels_cgroups, *tunnels_list;

/* Is it one that keeps such keys? Said of a full name. */
bool tunnels_has(const char *unit);

void tunnels_look(struct tunnels *ret_tunnels);

#endif /* TUNNELS_H */
