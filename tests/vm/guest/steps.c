/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * steps N: looks for changes until it has seen N of them, each of which must be
 * one step of the generation. The host makes the next change when it reads in
 * the guest's memory that this one was seen.
 *
 * Prints "seen PHYSICAL-ADDRESS" before and "steps N" after.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "vm/guest/pagemap.h"

enum {
	LOOK_NS = 100000,
	/* Longer than any change may take; ends the program with SIGALRM. */
	HANG_SECONDS = 300,
};

static int fail(const char *what)
{
	printf("steps: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	static volatile uint64_t seen __attribute__((aligned(64))) = 1;
	const uint64_t end = seen + (argc > 1 ? strtoul(argv[1], NULL, 10) : 0);
	int fd = open("/dev/vmgenid", O_RDONLY);

	if (fd < 0)
		return fail("/dev/vmgenid");
	if (mlockall(MCL_CURRENT) || !physical(&seen))
		return fail("address");
	printf("seen %#" PRIx64 "\n", physical(&seen));
	fflush(stdout);

	while (seen < end) {
		struct vmgenid_wait wait = { .known = seen, .timeout_ns = LOOK_NS };

		if (ioctl(fd, VMGENID_WAIT, &wait)) {
			if (errno != ETIMEDOUT)
				return fail("WAIT");
			continue;
		}
		if (wait.record.generation != seen + 1) {
			printf("steps: generation %" PRIu64 " after %" PRIu64 "\n",
			       (uint64_t)wait.record.generation, seen);
			return 1;
		}
		alarm(HANG_SECONDS);
		seen = seen + 1;
	}
	printf("steps %" PRIu64 "\n", seen - 1);
	return 0;
}
