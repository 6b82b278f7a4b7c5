/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The time of a VMClock's page: UTC or TAI as the page says, and no time where it says
 * of itself that there is none to be relied upon.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "hooks/pageclock.h"
#include "tap.h"

enum {
	TICKS = 1000000000,	/* a second */
	SECONDS = 1800000000,
	TAI_OFFSET = 37,
	TAI_OFFSET_VALID = 1,
	STATES = 5,
	TYPES = 5,
#ifdef __aarch64__
	COUNTER = 0,
	OTHER_COUNTER = 1,
#else
	COUNTER = 1,
	OTHER_COUNTER = 0,
#endif
};

static const int64_t second = 1000000000;
static const int64_t half = 1800000000500000000;
/* 2^64 / TICKS */
static const uint64_t period = 18446744073;

/* One that says half past SECONDS, at the counter's 5000. */
static struct vmclock_page fresh(void)
{
	return (struct vmclock_page){
		.magic = VMCLOCK_MAGIC, .size = 4096, .version = 1, .counter_id = COUNTER,
		.clock_status = 2, .counter_value = 5000, .counter_period_frac_sec = period,
		.time_sec = SECONDS, .time_frac_sec = UINT64_C(1) << 63,
	};
}

/* Is it that, to the microsecond? */
static bool tells(const struct vmclock_page *page, uint64_t counter, int64_t want)
{
	int64_t ns = 0;
	int r = pageclock_tell(page, counter, &ns);

	if (!r && llabs(ns - want) < 1000)
		return true;
	printf("# %d, %" PRId64 " and not %" PRId64 "\n", r, ns, want);
	return false;
}

static int refusal(const struct vmclock_page *page)
{
	int64_t ns;

	return pageclock_tell(page, 5000, &ns);
}

static void test_time(void)
{
	struct vmclock_page page = fresh();

	ok(tells(&page, 5000, half), "the time of the page, when the counter shows that");
	ok(tells(&page, 5000 + 3 * (uint64_t)TICKS, half + 3 * second), "and 3 seconds later");
	ok(tells(&page, 5000 - (uint64_t)TICKS, half - second), "and before");
	page.counter_period_shift = 1;
	ok(tells(&page, 5000 + 4 * (uint64_t)TICKS, half + 2 * second), "its ticks may be short");
	page = fresh();
	page.clock_status = 3;
	ok(tells(&page, 5000, half), "a clock of which the host lets go is one still");
}

static void test_scale(void)
{
	struct vmclock_page page = fresh();

	page.tai_offset_sec = TAI_OFFSET;
	page.flags = TAI_OFFSET_VALID;
	ok(tells(&page, 5000, half), "UTC is UTC, whatever TAI is");
	page.time_type = 1;
	ok(tells(&page, 5000, half - TAI_OFFSET * second), "TAI is ahead of it");
	page.tai_offset_sec = -TAI_OFFSET;
	ok(tells(&page, 5000, half - TAI_OFFSET * second), "also where a host counts as Linux does");
	page.flags = 0;
	ok(refusal(&page) == -EDOM, "nobody guesses by how much");
	page.flags = TAI_OFFSET_VALID;
	for (page.time_type = 2; page.time_type < TYPES; page.time_type++)
		ok(refusal(&page) == -EDOM, "type %d is no time of day", page.time_type);
}

static void test_doubtful(void)
{
	struct vmclock_page page = fresh();

	for (page.clock_status = 0; page.clock_status < STATES; page.clock_status++)
		if (page.clock_status != 2 && page.clock_status != 3)
			ok(refusal(&page) == -ENODATA, "state %d is none to rely upon", page.clock_status);
	page = fresh();
	page.counter_id = OTHER_COUNTER;
	ok(refusal(&page) == -ENODATA, "nor is another CPU's counter");
	page.counter_id = 0xff;
	ok(refusal(&page) == -ENODATA, "a page without a clock has none");
	page = fresh();
	page.size = offsetof(struct vmclock_page, time_sec);
	ok(refusal(&page) == -ENODATA, "nor has one that ends before the time");
	page = fresh();
	page.counter_period_shift = 64;
	ok(refusal(&page) == -ENODATA, "nor one with ticks of no length");
	page = fresh();
	page.magic++;
	ok(refusal(&page) == -EPROTO, "another page is none of a VMClock");
	page = fresh();
	page.version++;
	ok(refusal(&page) == -EPROTO, "nor is another version");
	page = fresh();
	page.time_sec = UINT64_MAX;
	ok(refusal(&page) == -EDOM, "a time that no computer will see is none");
	page = fresh();
	page.counter_period_frac_sec = UINT64_MAX;
	page.counter_value = 5000 + UINT64_C(1) * INT64_MAX;
	ok(refusal(&page) == -EDOM, "nor is one long ago");
}

int main(void)
{
	test_time();
	test_scale();
	test_doubtful();
	return tap_done();
}
