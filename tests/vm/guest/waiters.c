/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * waiters COUNT [FILES]: waits in one poll(2) for as many entries of /dev/vmgenid, each
 * of an open file of its own, or of FILES in all; 0 is the one that standard input is.
 *
 * Prints "ready" before, and "woken NANOSECONDS COUNT" after: from the change
 * being detected to poll's return, and how many of the entries were readable.
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

enum { MAX_COUNT = 1000000, OTHERS = 16 };

static void fail(const char *what)
{
	printf("waiters: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct pollfd *open_devices(rlim_t count, rlim_t files)
{
	const struct rlimit limit = { .rlim_cur = count + OTHERS, .rlim_max = count + OTHERS };
	struct pollfd *p = calloc(count, sizeof(*p));
	struct vmgenid_record record;

	if (!p || setrlimit(RLIMIT_NOFILE, &limit))
		fail("limits");
	for (rlim_t i = 0; i < count; i++) {
		p[i].events = POLLIN;
		if (i && i >= files) {
			p[i].fd = p[files ? i - files : 0].fd;
			continue;
		}
		p[i].fd = files ? open("/dev/vmgenid", O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
		/* The first read of a file returns at once. */
		if (p[i].fd < 0 || read(p[i].fd, &record, sizeof(record)) != sizeof(record))
			fail("/dev/vmgenid");
	}
	return p;
}

int main(int argc, char **argv)
{
	const long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	const long files = argc > 2 ? strtol(argv[2], NULL, 10) : count;
	struct vmgenid_record record;
	struct timespec now;
	struct pollfd *p;
	int woken;

	if (count < 1 || count > MAX_COUNT || files < 0 || files > count) {
		printf("usage: waiters COUNT [FILES]\n");
		return 2;
	}
	p = open_devices((rlim_t)count, (rlim_t)files);
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
	free(p);
	return 0;
}
