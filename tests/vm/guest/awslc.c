/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A generator that finds out about clones as AWS-LC documents it ("VM UBE
 * Detection" in its BUILDING.md): looks for /dev/sysgenid once, maps 4 bytes of
 * it, compares them before and after each draw, reseeds when they differ from
 * the last draw's, and aborts when they change within one.
 *
 * awslc DRAWS: makes one draw, prints "ready", waits for a byte on standard
 * input, draws, and prints "reseeds N" and the draws. The first seed is not one.
 * awslc within: waits for the byte in the middle of a draw.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char path[] = "/dev/sysgenid";

struct generator {
	const volatile uint32_t *generation;
	uint32_t seen;
	unsigned int reseeds;
	/* No good generator, but its draws follow from its seed alone, as any's do. */
	uint64_t state;
};

static void fail(const char *what)
{
	printf("awslc: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void seed(struct generator *g)
{
	if (getrandom(&g->state, sizeof(g->state), 0) != sizeof(g->state))
		fail("getrandom");
}

static struct generator start(void)
{
	struct generator g = { .reseeds = 0 };
	struct stat st;
	int fd;

	if (stat(path, &st))
		fail("not supported");
	fd = open(path, O_RDONLY);
	if (fd < 0)
		fail(path);
	g.generation = mmap(NULL, sizeof(*g.generation), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (g.generation == MAP_FAILED)
		fail("mmap");
	g.seen = *g.generation;
	seed(&g);
	return g;
}

static void wait_for_host(void)
{
	printf("ready\n");
	fflush(stdout);
	if (getchar() == EOF)
		fail("standard input");
}

static uint64_t draw(struct generator *g, bool wait_within)
{
	const uint32_t before = *g->generation;

	if (before != g->seen) {
		seed(g);
		g->seen = before;
		g->reseeds++;
	}
	g->state = g->state * UINT64_C(6364136223846793005) + 1;
	if (wait_within)
		wait_for_host();
	if (*g->generation != before)
		abort();
	return g->state;
}

int main(int argc, char **argv)
{
	struct generator g = start();
	const bool within = argc == 2 && !strcmp(argv[1], "within");
	const long draws = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

	if (within) {
		printf("%016" PRIx64 "\n", draw(&g, true));
		return 0;
	}
	if (draws < 1) {
		printf("usage: awslc DRAWS|within\n");
		return 2;
	}
	(void)draw(&g, false);
	wait_for_host();
	for (long i = 0; i < draws; i++)
		printf("%016" PRIx64 "\n", draw(&g, false));
	printf("reseeds %u\n", g.reseeds);
	return 0;
}
