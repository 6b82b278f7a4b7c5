/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * waiters COUNT: waits in one poll(2) for as many descriptors of /dev/vmgenid.
 *
 * Prints "ready" before, and "woken NANOSECONDS COUNT" after: from the change
 * being noticed to poll's return, and how many of the descriptors were readable.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

enum { MAX_COUNT = 100000, OTHERS = 16 };

static void fail(const char *what)
{
	printf("waiters: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct pollfd *open_devices(rlim_t count)
{
	const struct rlimit limit = { .rlim_cur = count + OTHERS, .rlim_max = count + OTHERS };
	struct pollfd *p = calloc(count, sizeof(*p));
	struct vmgenid_record record;

	if (!p || setrlimit(RLIMIT_NOFILE, &limit))
		fail("limits");
	for (rlim_t i = 0; i < count; i++) {
		p[i].fd = open("/dev/vmgenid", O_RDONLY | O_CLOEXEC);
		p[i].events = POLLIN;
		/* The first read of a file returns at once. */
		if (p[i].fd < 0 || read(p[i].fd, &record, sizeof(record)) != sizeof(record))
			fail("/dev/vmgenid");
	}
	return p;
}

int main(int argc, char **argv)
{
	const long count = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	struct vmgenid_record record;
	struct timespec now;
	struct pollfd *p;
	int woken;

	if (count < 1 || count > MAX_COUNT) {
		printf("usage: waiters COUNT\n");
		return 2;
	}
	p = open_devices((rlim_t)count);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");
	puts("ready");
	fflush(stdout);
	woken = poll(p, (nfds_t)count, -1);
	clock_gettime(CLOCK_BOOTTIME, &now);
	if (woken < 0 || read(p[0].fd, &record, sizeof(record)) != sizeof(record))
		fail("poll");
	printf("woken %" PRId64 " %d\n", now.tv_sec * INT64_C(1000000000) + now.tv_nsec -
	       (int64_t)record.changed_boottime_ns, woken);
	return 0;
}
