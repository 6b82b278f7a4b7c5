/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * When something happens in a clone, in nanoseconds of CLOCK_BOOTTIME.
 *
 * stamp: prints "now PHYSICAL-ADDRESS" and keeps the time there for ever, so
 * that the host can read when the snapshot was taken. From a change on it is for
 * a while out of the way of what the change brings about; stamp spin is not.
 * stamp FILE: writes the time to the file, and ends; as the interpreter of a hook
 * it says when that began.
 * stamp sentinel FILE: has a fork sentinel, and does so when that is zeroed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "libvmgen.h"
#include "vm/guest/pagemap.h"

/* So long nobody else may have anything to do; with icount that takes no time. */
enum { PAUSE_US = 200000 };
/* Between two looks at a sentinel, each of which takes others the CPU. */
enum { LOOK_US = 100 };

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

static int await_zero(const char *path)
{
	volatile uint64_t *word = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (word == MAP_FAILED || madvise((void *)word, sysconf(_SC_PAGESIZE), MADV_WIPEONFORK)) {
		perror("sentinel");
		return 1;
	}
	*word = 1;
	puts("ready");
	fflush(stdout);
	while (*word)
		usleep(LOOK_US);
	return leave(path);
}

int main(int argc, char **argv)
{
	static volatile uint64_t now __attribute__((aligned(64))) = 1;
	struct vmgen *v;
	bool spins = argc > 1 && !strcmp(argv[1], "spin");
	int r;

	/* An interpreter has more words as well. */
	if (argc == 3 && !strcmp(argv[1], "sentinel"))
		return await_zero(argv[2]);
	if (argc > 1 && !spins)
		return leave(argv[1]);
	r = vmgen_open(NULL, 0, &v);
	if (r < 0 || mlockall(MCL_CURRENT) || !physical(&now)) {
		fprintf(stderr, "stamp: %s\n", strerror(r < 0 ? -r : errno));
		return 1;
	}
	printf("now %#" PRIx64 "\n", physical(&now));
	fflush(stdout);
	while (spins || !vmgen_changed(v))
		now = now_ns();
	/* Even an idle program would get what is left of a tick whenever another one waits. */
	usleep(PAUSE_US);
	for (;;)
		now = now_ns();
}
