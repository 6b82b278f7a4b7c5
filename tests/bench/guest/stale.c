/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * stale WAY: asks again and again whether something changed, until it did, and
 * counts its rounds where the host can read them from the guest's memory. The
 * host notes the count before the clone runs its first instruction; the rounds
 * begun after that which were still told "no" are those of the window.
 *
 * Prints "count PHYSICAL-ADDRESS" before, "seen ROUND" after.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "bench/guest/u32.h"
#include "libvmgen.h"
#include "vm/guest/pagemap.h"

static void fail(const char *what)
{
	printf("stale: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const volatile uint64_t *page;
static uint64_t old;
static struct vmgen *handle;
static int device;

static void map(int flags, off_t offset)
{
	struct vmgenid_info info = { .size = sizeof(info) };
	const long size = sysconf(_SC_PAGESIZE);
	const char *p;
	int fd = open("/dev/vmgenid", flags | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, VMGENID_INFO, &info))
		fail("/dev/vmgenid");
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, offset * size);
	if (p == MAP_FAILED)
		fail("mmap");
	page = (const void *)(p + (offset ? info.id_offset : 0));
	old = *page;
}

static void open_raw(void)
{
	map(O_RDWR, 1);
}

static void open_counter(void)
{
	map(O_RDONLY, 0);
}

static bool page_moved(void)
{
	return *page != old;
}

static void open_handle(unsigned int flags)
{
	int r = vmgen_open(NULL, VMGEN_VMGENID | flags, &handle);

	errno = r < 0 ? -r : 0;
	if (r < 0)
		fail("vmgen_open");
}

static void open_privileged(void)
{
	open_handle(0);
}

static void open_unprivileged(void)
{
	open_handle(VMGEN_UNPRIVILEGED);
}

static bool changed(void)
{
	return vmgen_changed(handle);
}

static bool changed_now(void)
{
	return vmgen_changed_now(handle);
}

static void open_device(void)
{
	device = open("/dev/vmgenid", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (device < 0 || read(device, &old, sizeof(old)) != sizeof(old))
		fail("/dev/vmgenid");
}

static bool readable(void)
{
	uint64_t generation;

	return read(device, &generation, sizeof(generation)) == sizeof(generation);
}

static void open_sysgenid(void)
{
	if (!u32_open("/dev/sysgenid"))
		fail("/dev/sysgenid");
}

static const struct {
	const char *name;
	void (*open)(void);
	bool (*moved)(void);
} ways[] = {
	{ "raw", open_raw, page_moved },
	{ "changed_raw", open_privileged, changed },
	{ "changed_now", open_unprivileged, changed_now },
	{ "read", open_device, readable },
	{ "counter", open_counter, page_moved },
	{ "changed", open_unprivileged, changed },
	{ "u32", open_sysgenid, u32_changed },
};

static void run(bool (*moved)(void))
{
	static volatile uint64_t count __attribute__((aligned(64)));

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");
	/* Not zero, or the page is the one of all zeros. */
	count = 1;
	if (!physical(&count))
		fail("address");
	printf("count %#" PRIx64 "\n", physical(&count));
	fflush(stdout);
	do
		count = count + 1;
	while (!moved());
	printf("seen %" PRIu64 "\n", count);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (argc != 2 || strcmp(argv[1], ways[i].name))
			continue;
		ways[i].open();
		run(ways[i].moved);
		return 0;
	}
	printf("usage: stale raw|changed_raw|changed_now|read|counter|changed|u32\n");
	return 2;
}
