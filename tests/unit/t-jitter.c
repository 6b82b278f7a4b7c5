/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How ten thousand clones spread their hooks.
 */
#include <stdlib.h>

#include "run/jitter.h"
#include "tap.h"

enum { CLONES = 10000, SLOTS = 20, LIMIT_SEC = 3600 };

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	static uint64_t draws[CLONES];
	const uint64_t limit = LIMIT_SEC * UINT64_C(1000000000);
	unsigned int slots[SLOTS] = { 0 }, twins = 0, least = CLONES, most = 0;
	size_t i;

	for (i = 0; i < CLONES; i++)
		draws[i] = jitter_draw(LIMIT_SEC);
	qsort(draws, CLONES, sizeof(*draws), compare);
	if (!ok(draws[CLONES - 1] < limit, "no draw reaches the limit"))
		return tap_done();
	for (i = 0; i < CLONES; i++) {
		slots[draws[i] / (limit / SLOTS)]++;
		twins += i && draws[i] == draws[i - 1];
	}
	for (i = 0; i < SLOTS; i++) {
		least = slots[i] < least ? slots[i] : least;
		most = slots[i] > most ? slots[i] : most;
	}
	/* By chance that happens once in 70,000 times. */
	equal(twins, 0, "no two clones begin in the same nanosecond");
	printf("# in each twentieth of the time %u to %u of them begin\n", least, most);
	/* Six standard deviations from 500: once in 20 million times. */
	ok(least > 500 - 131 && most < 500 + 131, "they begin all over the time");
	equal(jitter_draw(0), 0, "no time is no jitter");
	return tap_done();
}
