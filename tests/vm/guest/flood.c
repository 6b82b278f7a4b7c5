/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * flood SECONDS: calls the device as fast as it can while the host changes the
 * ID, and ends with an error if a call hangs or the generation goes back.
 *
 * Prints "generation N" at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

enum {
	/* Longer than any call may take; ends the program with SIGALRM. */
	HANG_SECONDS = 300,
	/* Between two calls of another kind, which would free one that hangs. */
	WAITS = 1000,
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int settle(int fd, uint64_t *latest)
{
	struct vmgenid_wait wait = { .known = 0 };

	if (ioctl(fd, VMGENID_WAIT, &wait)) {
		perror("WAIT");
		return -1;
	}
	if (wait.record.generation < *latest) {
		printf("generation %" PRIu64 " after %" PRIu64 "\n",
		       (uint64_t)wait.record.generation, *latest);
		return -1;
	}
	*latest = wait.record.generation;
	return 0;
}

int main(int argc, char **argv)
{
	const int64_t end = now() + (argc > 1 ? atoi(argv[1]) : 1) * INT64_C(1000000000);
	struct vmgenid_record record;
	uint64_t latest = 0;
	int i;
	int fd = open("/dev/vmgenid", O_RDONLY | O_NONBLOCK);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (now() < end) {
		alarm(HANG_SECONDS);
		for (i = 0; i < WAITS; i++)
			if (settle(fd, &latest))
				return 1;
		if (poll(&p, 1, 0) < 0 ||
		    (read(fd, &record, sizeof(record)) < 0 && errno != EAGAIN)) {
			perror("read");
			return 1;
		}
	}
	printf("generation %" PRIu64 "\n", latest);
	return 0;
}
