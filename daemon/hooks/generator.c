/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen-generator: systemd runs it whenever it reads units, and before the first is started. Has
 * the units of /etc/vmgen/replica-units ask for their fences, so that one which 10-replica puts
 * holds without more: while a boot is busy systemd may not read units again in time.
 */
#include <stdio.h>
#include <string.h>

#include "base/paths.h"
#include "base/unitlist.h"
#include "ctl/systemd/dropin.h"
#include "members.h"

enum {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
};

int main(int argc, char **argv)
{
	static struct unitlist list;
	int r, code = DONE;
	size_t i;

	/* Of systemd's three directories, that which /etc comes before. */
	if (argc != 2 && argc != 4) {
		fprintf(stderr, "Usage: vmgen-generator DIRECTORY [EARLY LATE]\n");
		return USAGE;
	}
	dropin_directory = argv[1];
	/* What is wrong with other lines the guard tells. */
	unitlist_read(UNITLIST_REPLICA, UNITLIST_PLAIN, &list);
	for (i = 0; i < list.n; i++) {
		if (members_misfit(list.entries[i].unit))
			continue;
		r = dropin_install(list.entries[i].unit, PATH_STATE_DIR);
		if (!r)
			continue;
		fprintf(stderr, "vmgen-generator: %s does not ask for its fence: %s\n",
			list.entries[i].unit, strerror(-r));
		code = FAILED;
	}
	return code;
}
