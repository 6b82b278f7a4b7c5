/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Looks at the raw page and at the counter page as fast as it can, and counts
 * its rounds where the host can read them from the guest's memory. The host
 * notes the count before the clone runs its first instruction; the rounds begun
 * after that which still saw the old world are the window.
 *
 * Prints "count PHYSICAL-ADDRESS" before, "raw ROUND" and "counter ROUND"
 * after: the first rounds that saw the new ID and the new generation; and
 * "between NANOSECONDS", the time from the one to the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "vm/guest/pagemap.h"

static void fail(const char *what)
{
	printf("window: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const void *map(int fd, off_t offset, size_t page)
{
	void *p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int main(void)
{
	static volatile uint64_t count __attribute__((aligned(64)));
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct vmgenid_info info = { .size = sizeof(info) };
	const volatile uint64_t *raw, *generation;
	uint64_t old_raw, old_generation, raw_round = 0;
	int64_t raw_time = 0;
	int fd = open("/dev/vmgenid", O_RDWR);

	if (fd < 0 || ioctl(fd, VMGENID_INFO, &info))
		fail("/dev/vmgenid");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");
	generation = map(fd, 0, page);
	raw = (const void *)((const char *)map(fd, (off_t)page, page) + info.id_offset);
	old_raw = *raw;
	old_generation = *generation;
	count = 0;
	if (!physical(&count))
		fail("address");
	printf("count %#" PRIx64 "\n", physical(&count));
	fflush(stdout);

	for (;;) {
		count = count + 1;
		if (!raw_round && *raw != old_raw) {
			raw_round = count;
			raw_time = now();
		}
		if (*generation != old_generation)
			break;
	}
	/* Stopped between the two looks, it saw both new in the same round. */
	if (!raw_round)
		raw_round = count;
	printf("raw %" PRIu64 "\ncounter %" PRIu64 "\nbetween %" PRId64 "\n", raw_round, count,
	       raw_time ? now() - raw_time : 0);
	return 0;
}
