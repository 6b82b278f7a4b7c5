/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * moment [CLOCK]: the time of day, or what a PTP clock tells, and the counter of the CPU
 * at that moment, for who plays the host of a VMClock. Prints "NANOSECONDS TICKS".
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static uint64_t counter(void)
{
#ifdef __aarch64__
	uint64_t ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
#else
	return __builtin_ia32_rdtsc();
#endif
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	/* The clock of a descriptor, see clock_gettime(2). */
	clockid_t id = argc > 1 ? (clockid_t)(~(unsigned int)fd << 3 | 3) : CLOCK_REALTIME;
	struct timespec now;

	if ((argc > 1 && fd < 0) || clock_gettime(id, &now)) {
		perror("moment");
		return 1;
	}
	printf("%" PRId64 " %" PRIu64 "\n", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, counter());
	return 0;
}
