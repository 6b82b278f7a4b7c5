/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Lists of units that the administrator has written: the name of one in each line; what
 * follows a '#' is a comment. Of a unit that is listed twice the first line counts. Where a list
 * may have them, a line "auto" stands for units that a program finds, and "!UNIT" for one that is
 * not among those.
 */
#ifndef UNITLIST_H
#define UNITLIST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define UNITLIST_RESTART	"/etc/vmgen/restart-units"
#define UNITLIST_REPLICA	"/etc/vmgen/replica-units"

enum { UNITLIST_MAX = 256, UNITLIST_FAULTS_SIZE = 4096 };

struct unitlist {
	struct unitlist_entry {
		/* In the file, from 1 on. */
		unsigned int line;
		/* "!UNIT". */
		bool excepted;
		/* In full, as of unitname_complete(). */
		char unit[NAME_MAX + 1];
	} entries[UNITLIST_MAX];
	size_t n;
	/* The line of "auto"; 0: there is none. */
	unsigned int automatic;
	/* What is wrong with the file or with other lines of it, and the remedy: text that can be
	 * printed, a line each; empty: nothing. */
	char faults[UNITLIST_FAULTS_SIZE];
};

enum unitlist_kind {
	UNITLIST_PLAIN,
	/* It may have "auto" and exceptions. */
	UNITLIST_AUTO,
};

/*
 * Without the file there are none. Of one that others than root can change, or that cannot be
 * read to its end, nothing is used.
 */
void unitlist_read(const char *path, enum unitlist_kind kind, struct unitlist *ret_list);

/* Returns the entry of a unit, by its full name, or NULL. */
const struct unitlist_entry *unitlist_find(const struct unitlist *list, const char *unit);

#endif /* UNITLIST_H */
