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
 * after: the first rounds that saw the new ID and the new generation.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

static void fail(const char *what)
{
	printf("window: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Documentation/admin-guide/mm/pagemap.rst: bits 0 to 54 are the frame. */
static uint64_t physical(const volatile void *p, uint64_t page)
{
	uint64_t entry;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0 || pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)p / page * 8)) != 8)
		fail("/proc/self/pagemap");
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * page + (uintptr_t)p % page;
}

static const void *map(int fd, off_t offset, size_t page)
{
	void *p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

int main(void)
{
	static volatile uint64_t count __attribute__((aligned(64)));
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct vmgenid_info info = { .size = sizeof(info) };
	const volatile uint64_t *raw, *generation;
	uint64_t old_raw, old_generation, raw_round = 0;
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
	printf("count %#" PRIx64 "\n", physical(&count, page));
	fflush(stdout);

	for (;;) {
		count = count + 1;
		if (!raw_round && *raw != old_raw)
			raw_round = count;
		if (*generation != old_generation)
			break;
	}
	/* Stopped between the two looks, it saw both new in the same round. */
	if (!raw_round)
		raw_round = count;
	printf("raw %" PRIu64 "\ncounter %" PRIu64 "\n", raw_round, count);
	return 0;
}
