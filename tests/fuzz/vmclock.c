/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmclock_read() on any bytes in any room: it reads nothing beyond, returns
 * what a second, plainer reading of the specification says, and ends.
 *
 * Input: the page, as much as there is of it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmclock.h"

extern int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);
extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Time flies, or every page that a host left half-written would cost a tenth of a second. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	static time_t ms;

	(void)clock;
	ms += 60;
	ret_now->tv_sec = ms / 1000;
	ret_now->tv_nsec = ms % 1000 * 1000000;
	return 0;
}

static uint64_t number(const uint8_t *page, size_t offset, int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | page[offset + (size_t)bytes];
	return value;
}

static int expect(const uint8_t *page, size_t room)
{
	if (room < 0x70 || memcmp(page, "VCLK", 4) || number(page, 0x08, 2) != 1)
		return -EPROTO;
	if (page[0x0c] & 1)
		return -ETIMEDOUT;
	if (number(page, 0x04, 4) > room)
		return -EPROTO;
	if (number(page, 0x04, 4) < 0x70 || !(page[0x19] & 1))
		return -ENODATA;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t flags = 4711, counter = 4711;
	/* Its own memory, so that what is behind is seen to be read. */
	uint8_t *page = malloc(size);
	int want, r;

	if (!page)
		return 0;
	memcpy(page, data, size);
	want = expect(page, size);
	r = vmclock_read((const void *)page, size, &flags, &counter);
	if (r != want || flags != (r ? 4711 : number(page, 0x18, 8)) ||
	    counter != (r ? 4711 : number(page, 0x68, 8)))
		abort();
	free(page);
	return 0;
}
