/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A VMClock whose host writes while it is read, at any of the loads that the library makes:
 * what comes of it belongs together, and a host that has died is not waited for.
 */
static void host_goes_on(void);

/* Before each load of the library's own code. */
#define __atomic_load_n(pointer, order) (host_goes_on(), __atomic_load_n(pointer, order))
#include "vmclock.c"
#undef __atomic_load_n

#include "page.h"
#include "tap.h"

/* Reading alone is tried, without a device. */
int source_map(const struct source *s, unsigned int index, void **ret_page)
{
	(void)s;
	(void)index;
	(void)ret_page;
	return -ENOSYS;
}

size_t source_page_size(void)
{
	return page_size();
}

int source_check(const struct source *s)
{
	(void)s;
	return -ENOSYS;
}

int source_wait(const struct source *s, uint64_t known, int64_t timeout_ns, struct vmgen_event *ret_event)
{
	(void)s;
	(void)known;
	(void)timeout_ns;
	(void)ret_event;
	return -ENOSYS;
}

int source_read(struct source *s, struct vmgen_event *ret_event)
{
	(void)s;
	(void)ret_event;
	return -ENOSYS;
}

int source_take_errno(int saved)
{
	(void)saved;
	return -ENOSYS;
}

static void *page;
/* Loads so far; before which one the host begins to write, is half done, and is done. */
static unsigned int loads, begins, is_half_done, is_done;

/* The first value has no notifications, the second one has. */
static void host_goes_on(void)
{
	loads++;
	if (loads == begins)
		page_set32(page, CLOCK_SEQ, 3);
	if (loads == is_half_done)
		page_set64(page, CLOCK_GENERATION, 8);
	if (loads != is_done)
		return;
	page_set64(page, CLOCK_FLAGS, CLOCK_COUNTS | CLOCK_NOTIFIES);
	page_set32(page, CLOCK_SEQ, 4);
}

static int reads(uint64_t *ret_flags, uint64_t *ret_counter)
{
	page_set_clock(page, 7);
	loads = 0;
	return vmclock_read(page, page_size(), ret_flags, ret_counter);
}

static void test_whole(void)
{
	unsigned int n, torn = 0, old = 0, new = 0;
	uint64_t flags, counter;

	begins = is_half_done = is_done = 0;
	equal(reads(&flags, &counter), 0, "a clock that nobody writes is read");
	n = loads;
	for (begins = 1; begins <= n + 1; begins++)
		for (is_half_done = begins; is_half_done <= n + 1; is_half_done++)
			for (is_done = is_half_done; is_done <= n + 1; is_done++) {
				if (reads(&flags, &counter))
					torn++;
				else if (flags == CLOCK_COUNTS && counter == 7)
					old++;
				else if (flags == (CLOCK_COUNTS | CLOCK_NOTIFIES) && counter == 8)
					new++;
				else
					torn++;
			}
	ok(!torn && old && new, "of a write at any of %u loads, %u times the old value and %u times the new one", n, old, new);
}

/* Of 100 ms, by its own clock. */
static void test_dead_host(void)
{
	uint64_t flags = 1, counter = 2;

	begins = 1;
	is_half_done = is_done = 0;
	equal(reads(&flags, &counter), -ETIMEDOUT, "a host that never ends writing is not waited for: ETIMEDOUT");
	ok(flags == 1 && counter == 2, "the results are untouched");
}

int main(void)
{
	scratch_create();
	page = page_create("clock");
	test_whole();
	test_dead_host();
	return tap_done();
}
