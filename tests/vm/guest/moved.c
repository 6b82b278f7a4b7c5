/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Waits until the generation of /dev/sysgenid moves, in the way that the argument
 * names, draws 8 random bytes at once, and prints "GENERATION BYTES".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

static void fail(const char *what)
{
	printf("moved: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t by_read(int fd)
{
	uint32_t generation;

	if (read(fd, &generation, sizeof(generation)) != sizeof(generation))
		fail("read");
	return generation;
}

/* Draws before it reads, which waits for a change that is under way. */
static uint32_t by_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, -1) != 1)
		fail("poll");
	return 0;
}

/* Does not sleep: to see it as early as anyone can. */
static uint32_t by_map(int fd)
{
	const volatile uint32_t *generation =
		mmap(NULL, sizeof(*generation), PROT_READ, MAP_SHARED, fd, 0);
	uint32_t first;

	if (generation == MAP_FAILED)
		fail("mmap");
	first = *generation;
	while (*generation == first)
		;
	return *generation;
}

static const struct {
	const char *name;
	uint32_t (*wait)(int fd);
} ways[] = {
	{ "read", by_read },
	{ "poll", by_poll },
	{ "map", by_map },
};

int main(int argc, char **argv)
{
	int fd = open("/dev/sysgenid", O_RDONLY);
	uint32_t generation;
	uint64_t bytes;
	size_t i;

	if (fd < 0)
		fail("/dev/sysgenid");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (argc != 2 || strcmp(argv[1], ways[i].name))
			continue;
		generation = ways[i].wait(fd);
		if (getrandom(&bytes, sizeof(bytes), 0) != sizeof(bytes))
			fail("getrandom");
		if (!generation)
			generation = by_read(fd);
		printf("%" PRIu32 " %016" PRIx64 "\n", generation, bytes);
		return 0;
	}
	printf("usage: moved read|poll|map\n");
	return 2;
}
