/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Waiting that has an end.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

#include "deadline.h"

int64_t deadline_in(int64_t ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000 + ms;
}

int deadline_left(int64_t deadline)
{
	int64_t left = deadline - deadline_in(0);

	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int deadline_wait(int fd, int64_t deadline)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&wanted, 1, deadline_left(deadline));
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n ? -errno : -ETIMEDOUT;
}
