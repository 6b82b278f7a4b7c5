/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * listed FILE: the units of an administrator's list for a script, "LINE UNIT" each, "LINE auto"
 * for those that vmgenctl finds, and on standard error what is wrong with others. Exit status 77:
 * it lists none, and has no mistake.
 */
#include <stdio.h>

#include "base/unitlist.h"

enum {
	FAILED = 1,
	USAGE = 2,
	NOT_APPLICABLE = 77,
};

int main(int argc, char **argv)
{
	static struct unitlist list;
	size_t i, n = 0;

	if (argc != 2) {
		fprintf(stderr, "Usage: listed FILE\n");
		return USAGE;
	}
	unitlist_read(argv[1], UNITLIST_AUTO, &list);
	if (list.automatic)
		printf("%u auto\n", list.automatic);
	for (i = 0; i < list.n; i++) {
		if (list.entries[i].excepted)
			continue;
		n++;
		printf("%u %s\n", list.entries[i].line, list.entries[i].unit);
	}
	fputs(list.faults, stderr);
	if (*list.faults)
		return FAILED;
	return n || list.automatic ? 0 : NOT_APPLICABLE;
}
