/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Waits for a change in the way that the argument names, draws 8 random bytes
 * at once, and prints "GENERATION BYTES".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "libvmgen.h"

static void fail(const char *what)
{
	printf("notice: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_device(void)
{
	struct vmgenid_record record;
	int fd = open("/dev/vmgenid", O_RDONLY);

	/* The first read of a file returns at once. */
	if (fd < 0 || read(fd, &record, sizeof(record)) != sizeof(record))
		fail("/dev/vmgenid");
	return fd;
}

static uint64_t by_read(void)
{
	struct vmgenid_record record;

	if (read(open_device(), &record, sizeof(record)) != sizeof(record))
		fail("read");
	return record.generation;
}

static uint64_t by_poll(void)
{
	struct pollfd p = { .fd = open_device(), .events = POLLIN };
	uint64_t generation;

	if (poll(&p, 1, -1) != 1 || read(p.fd, &generation, sizeof(generation)) != 8)
		fail("poll");
	return generation;
}

static uint64_t by_wait(void)
{
	struct vmgenid_wait wait = { .known = 1, .timeout_ns = -1 };

	if (ioctl(open_device(), VMGENID_WAIT, &wait))
		fail("VMGENID_WAIT");
	return wait.record.generation;
}

static uint64_t by_map(void)
{
	const volatile struct vmgenid_page *page =
		mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, open_device(), 0);

	if (page == MAP_FAILED)
		fail("mmap");
	while (page->generation == 1)
		usleep(1000);
	return page->generation;
}

static struct vmgen *open_library(void)
{
	struct vmgen *v;
	int r = vmgen_open(NULL, 0, &v);

	if (r < 0) {
		errno = -r;
		fail("vmgen_open");
	}
	return v;
}

static uint64_t by_changed(void)
{
	struct vmgen *v = open_library();
	uint64_t generation;

	while (!vmgen_changed(v))
		usleep(1000);
	generation = vmgen_generation(v);
	vmgen_close(v);
	return generation;
}

static uint64_t by_vmgen_wait(void)
{
	struct vmgen *v = open_library();
	uint64_t generation;

	if (vmgen_wait(v, 1, -1, &generation) < 0)
		fail("vmgen_wait");
	vmgen_close(v);
	return generation;
}

static const struct {
	const char *name;
	uint64_t (*wait)(void);
} ways[] = {
	{ "read", by_read },	   { "poll", by_poll },	    { "wait", by_wait },
	{ "map", by_map },	   { "changed", by_changed }, { "vmgen_wait", by_vmgen_wait },
};

int main(int argc, char **argv)
{
	uint64_t generation, bytes;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (argc != 2 || strcmp(argv[1], ways[i].name))
			continue;
		generation = ways[i].wait();
		if (getrandom(&bytes, sizeof(bytes), 0) != sizeof(bytes))
			fail("getrandom");
		printf("%" PRIu64 " %016" PRIx64 "\n", generation, bytes);
		return 0;
	}
	printf("usage: notice read|poll|wait|map|changed|vmgen_wait\n");
	return 2;
}
