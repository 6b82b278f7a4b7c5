/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Lists of units that the administrator has written: the name of one in each line; what
 * follows a '#' is a comment. Of a unit that is listed twice the first line counts.
 */
#ifndef UNITLIST_H
#define UNITLIST_H

#include <limits.h>
#include <stddef.h>

#define UNITLIST_RESTART	"/etc/vmgen/restart-units"
#define UNITLIST_REPLICA	"/etc/vmgen/replica-units"

enum { UNITLIST_MAX = 256, UNITLIST_FAULTS_SIZE = 4096 };

struct unitlist {
	struct unitlist_entry {
		/* In the file, from 1 on. */
		unsigned int line;
		/* In full, as of unitname_complete(). */
		char unit[NAME_MAX + 1];
	} entries[UNITLIST_MAX];
	size_t n;
	/* What is wrong with the file or with other lines of it, and the remedy: text that can be
	 * printed, a line each; empty: nothing. */
	char faults[UNITLIST_FAULTS_SIZE];
};

/*
 * Without the file there are none. Of one that others than root can change, or that cannot be
 * read to its end, nothing is used.
 */
void unitlist_read(const char *path, struct unitlist *ret_list);

#endif /* UNITLIST_H */
