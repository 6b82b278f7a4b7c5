/* SPDX-License-Identifier: BSD-2-Clause */
/* Copyright (C) the vmgen authors */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pageclock.h"

#define DEVICE		"/dev/vmclock0"
#define CLOCKSOURCES	"/sys/devices/system/clocksource/clocksource0/available_clocksource"

/* UAPI.13. What an unreliable or a smeared clock is called is of no use. */
enum {
	COUNTER_ARM_VCNT = 0,
	COUNTER_X86_TSC = 1,
	TIME_UTC = 0,
	TIME_TAI = 1,
	TAI_OFFSET_VALID = 1 << 0,
	SYNCHRONIZED = 2,
	FREERUNNING = 3,
};

static const uint64_t most = INT64_MAX / 1000000000 / 4;
static const double one = 18446744073709551616.0;	/* 2^64 */

#if defined(__x86_64__) || defined(__i386__)
enum { COUNTER = COUNTER_X86_TSC };

static uint64_t read_counter(void)
{
	return __builtin_ia32_rdtsc();
}

/* Linux has the TSC among its clocks until it has found it unreliable. */
static bool counter_is_reliable(void)
{
	FILE *file = fopen(CLOCKSOURCES, "re");
	char line[256] = "";
	bool listed;

	if (!file)
		return false;
	listed = fgets(line, sizeof(line), file) && strstr(line, "tsc ");
	fclose(file);
	return listed;
}
#elif defined(__aarch64__)
enum { COUNTER = COUNTER_ARM_VCNT };

static uint64_t read_counter(void)
{
	uint64_t counter;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(counter) : : "memory");
	return counter;
}

static bool counter_is_reliable(void)
{
	return true;
}
#else
/* No counter that a page may name. */
enum { COUNTER = -1 };

static uint64_t read_counter(void)
{
	return 0;
}

static bool counter_is_reliable(void)
{
	return false;
}
#endif

int pageclock_tell(const struct vmclock_page *page, uint64_t counter, int64_t *ret_ns)
{
	/* 53 bits of it tell a year to the microsecond. The host may be ahead of this CPU. */
	double passed = (double)(int64_t)(counter - page->counter_value) *
			((double)page->counter_period_frac_sec / one);
	double fraction = (double)page->time_frac_sec / one;
	int64_t leap = 0;

	if (page->magic != VMCLOCK_MAGIC || page->version != 1)
		return -EPROTO;
	if (page->size < offsetof(struct vmclock_page, time_errors) ||
	    page->counter_id != COUNTER || page->counter_period_shift > 63 ||
	    (page->clock_status != SYNCHRONIZED && page->clock_status != FREERUNNING))
		return -ENODATA;
	/* From TAI to UTC, today -37; UAPI.13 1.0 gave it as 37. TAI is ahead of UTC. */
	if (page->time_type == TIME_TAI && page->flags & TAI_OFFSET_VALID)
		leap = abs(page->tai_offset_sec);
	else if (page->time_type != TIME_UTC)
		return -EDOM;
	passed /= (double)(UINT64_C(1) << page->counter_period_shift);
	/* What 64 bits of nanoseconds do not hold is no time either. */
	if (page->time_sec > most || passed > (double)most || passed < -(double)most)
		return -EDOM;
	*ret_ns = ((int64_t)page->time_sec - leap) * 1000000000 +
		  (int64_t)((passed + fraction) * 1e9);
	return 0;
}

int pageclock_read(int64_t *ret_ns)
{
	struct vmclock_page page;
	int fd = open(DEVICE, O_RDONLY | O_CLOEXEC), r;
	ssize_t length;

	if (fd < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	/* The driver tells of one state of the page, or fails. */
	length = read(fd, &page, sizeof(page));
	r = length < 0 ? -errno : length < (ssize_t)sizeof(page) ? -EPROTO : 0;
	close(fd);
	if (r)
		return r;
	return counter_is_reliable() ? pageclock_tell(&page, read_counter(), ret_ns) : -ENODATA;
}
