/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * 10-ipsec, 10-ipsec-manual and 50-ipsec. Keys and counters that were agreed on before the
 * snapshot are in each copy of this machine: those of ESP and AH in the kernel, and those of
 * IKE in a daemon. Told to stop, that would send a last message under the latter, and take
 * its policies away.
 *
 * So the guard freezes it and has the kernel forget its SAs, and the repair kills it and
 * starts its unit. What must be encrypted is blocked from the one until the other is done.
 * SAs that no daemon replaces are forgotten by the third, which is disabled as shipped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "association.h"
#include "keys/standby.h"

int main(int argc, char **argv)
{
	const char *name = argc && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : "", *event;
	bool repair = !strncmp(name, "50-", 3), drill;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	r = repair ? 0 : standby_wait();
	if (r) {
		if (r != -ENODATA)
			printf("cannot stand by: %s\n", strerror(-r));
		return r != -ENODATA;
	}
	event = getenv("VMGEN_EVENT");
	drill = event && !strcmp(event, "test");
	/* A system that has booted has no SAs of before, and nobody loses his by calling this. */
	if (!drill && (!event || strcmp(event, "changed"))) {
		printf("%s\n", event ? "no SA outlives a boot" :
				       "called without an event; see hooks run in vmgenctl(1)");
		return NOT_APPLICABLE;
	}
	if (repair)
		return association_repair(drill);
	return strstr(name, "-manual") ? association_forget_manual(drill) : association_stop(drill);
}
