/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How ten thousand clones spread their hooks, and what a server that all of them ask
 * has to do then.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "run/jitter.h"
#include "tap.h"

#define SECOND_NS UINT64_C(1000000000)

enum { CLONES = 10000, SLOTS = 20, LIMIT_SEC = 3600 };
/* As t-config.c finds it, and vmgend.conf(5) tells the figures. */
enum { SHIPPED_SEC = 5 };
/*
 * What the server answers in a second, and when a client that waits asks again: 4 s
 * in RFC 2131.
 */
enum { ANSWERS = 1000, PATIENCE_SEC = 4 };

struct herd {
	unsigned int busiest;		/* requests that come within one second */
	uint64_t longest_ns;		/* that one of them waits */
	unsigned int again;		/* clients that lose patience */
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void draw_all(uint64_t draws[CLONES], unsigned int limit_sec)
{
	size_t i;

	for (i = 0; i < CLONES; i++)
		draws[i] = jitter_draw(limit_sec);
	qsort(draws, CLONES, sizeof(*draws), compare);
}

/* One server, which answers one request after the other, in the order in which they come. */
static struct herd serve(const uint64_t draws[CLONES])
{
	struct herd found = { .busiest = 0 };
	uint64_t free_ns = 0, wait;
	size_t i, first = 0;

	for (i = 0; i < CLONES; i++) {
		while (draws[first] + SECOND_NS <= draws[i])
			first++;
		if (i - first + 1 > found.busiest)
			found.busiest = i - first + 1;
		if (free_ns < draws[i])
			free_ns = draws[i];
		free_ns += SECOND_NS / ANSWERS;
		wait = free_ns - draws[i];
		if (wait > found.longest_ns)
			found.longest_ns = wait;
		found.again += wait > PATIENCE_SEC * SECOND_NS;
	}
	return found;
}

/*
 * vmgend.conf(5) tells how long it has to be: as many seconds as the clones are more
 * than what the server answers in one.
 */
static void test_server(void)
{
	static uint64_t draws[CLONES];
	const unsigned int limits[] = { 0, SHIPPED_SEC, CLONES / ANSWERS, 60 };
	struct herd herds[sizeof(limits) / sizeof(*limits)];
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		draw_all(draws, limits[i]);
		herds[i] = serve(draws);
		printf("# jitter = %u: at most %u requests in a second; of %d answers a second one is waited for %" PRIu64 " ms, %u ask again\n",
		       limits[i], herds[i].busiest, ANSWERS, herds[i].longest_ns / 1000000, herds[i].again);
	}
	equal(herds[0].busiest, CLONES, "without a jitter all ask in one second");
	ok(herds[0].again > CLONES / 2, "and most of them once more, because the server is not done");
	/* Of all moments the busiest; a given second has 2,000, with a deviation of 40. */
	ok(herds[1].busiest > 2000 - 240 && herds[1].busiest < 2000 + 360, "so they are 2,000 in a second");
	ok(herds[1].again > 0, "which are too many for a server that answers 1,000");
	ok(herds[2].busiest > 1000 - 180 && herds[2].busiest < 1000 + 270,
	   "with as many seconds as that takes for all they are 1,000");
	equal(herds[2].again, 0, "and nobody asks again");
	ok(herds[3].busiest < 167 + 100, "with 60 s they are 167");
	ok(herds[3].longest_ns < SECOND_NS / 10, "and each is answered at once");
}

int main(void)
{
	static uint64_t draws[CLONES];
	const uint64_t limit = LIMIT_SEC * UINT64_C(1000000000);
	unsigned int slots[SLOTS] = { 0 }, same = 0, least = CLONES, most = 0;
	size_t i;

	draw_all(draws, LIMIT_SEC);
	if (!ok(draws[CLONES - 1] < limit, "no draw reaches the limit"))
		return tap_done();
	for (i = 0; i < CLONES; i++) {
		slots[draws[i] / (limit / SLOTS)]++;
		same += i && draws[i] == draws[i - 1];
	}
	for (i = 0; i < SLOTS; i++) {
		least = slots[i] < least ? slots[i] : least;
		most = slots[i] > most ? slots[i] : most;
	}
	/* By chance that happens once in 70,000 times. */
	equal(same, 0, "no two clones begin in the same nanosecond");
	printf("# in each twentieth of the time %u to %u of them begin\n", least, most);
	/* Six standard deviations from 500: once in 20 million times. */
	ok(least > 500 - 131 && most < 500 + 131, "they begin all over the time");
	equal(jitter_draw(0), 0, "no time is no jitter");
	test_server();
	return tap_done();
}
