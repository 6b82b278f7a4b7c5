/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A clock that goes on when the test says so, for all its processes: a time that
 * is over by then was long enough for all else, however slow the machine is.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "scratch.h"

/* In memory that all processes share. */
static int *clock_ahead_sec;

int clock_gettime(clockid_t clock, struct timespec *ret_time);

/* Instead of libc's. */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int r = syscall(SYS_clock_gettime, clock, ret_time);

	if (!r && clock_ahead_sec)
		ret_time->tv_sec += *clock_ahead_sec;
	return r;
}

static inline void clock_create(void)
{
	clock_ahead_sec = mmap(NULL, sizeof(*clock_ahead_sec), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (clock_ahead_sec == MAP_FAILED)
		scratch_give_up("clock");
}

#endif /* CLOCK_H */
