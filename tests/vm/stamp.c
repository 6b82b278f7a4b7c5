/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * When something happens in a clone, in nanoseconds of CLOCK_BOOTTIME.
 *
 * stamp: prints "now PHYSICAL-ADDRESS" and keeps the time there for ever, so
 * that the host can read when the snapshot was taken. stamp FILE: writes the
 * time to the file, and ends; as the interpreter of a hook it says when that
 * began.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vm/pagemap.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

static int leave(const char *path)
{
	char line[32];
	int length = snprintf(line, sizeof(line), "stamp %" PRIu64 "\n", now_ns());
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	/* Not dprintf(3), which /dev/kmsg does not let seek. */
	if (fd < 0 || write(fd, line, length) != length) {
		perror(path);
		return 1;
	}
	return close(fd) != 0;
}

int main(int argc, char **argv)
{
	static volatile uint64_t now __attribute__((aligned(64))) = 1;

	if (argc > 1)
		return leave(argv[1]);
	if (mlockall(MCL_CURRENT) || !physical(&now)) {
		perror("stamp");
		return 1;
	}
	printf("now %#" PRIx64 "\n", physical(&now));
	fflush(stdout);
	for (;;)
		now = now_ns();
}
