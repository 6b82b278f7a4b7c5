/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Loaded into QEMU, lets it believe that it is VMGEN_LATER seconds later: its RTC
 * then shows what that of a host shows on which a snapshot lay for so long.
 */
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* By this alone QEMU, or GLib for it, asks for the time of the host. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	const char *later = getenv("VMGEN_LATER");
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	tv->tv_sec = now.tv_sec + (later ? atoll(later) : 0);
	tv->tv_usec = now.tv_nsec / 1000;
	return 0;
}
