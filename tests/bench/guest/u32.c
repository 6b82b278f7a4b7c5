/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * See u32.h. Exported, so that a caller reaches it as it reaches libvmgen.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/guest/u32.h"

#define EXPORT __attribute__((visibility("default")))

static const volatile uint32_t *generation;
static uint32_t cached;
static enum { UNSUPPORTED, SUCCEEDED, FAILED } state;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void)
{
	state = generation ? SUCCEEDED : UNSUPPORTED;
}

EXPORT bool u32_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *page;

	if (fd < 0)
		return false;
	page = mmap(NULL, sizeof(*generation), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return false;
	generation = page;
	cached = *generation;
	return true;
}

EXPORT bool u32_changed(void)
{
	uint32_t now = *generation;

	if (__builtin_expect(now == cached, 1))
		return false;
	cached = now;
	return true;
}

EXPORT int u32_generation(uint32_t *ret_generation)
{
	pthread_once(&once, start);
	switch (state) {
	case UNSUPPORTED:
		*ret_generation = 0;
		return 1;
	case SUCCEEDED:
		*ret_generation = *generation;
		return 1;
	case FAILED:
		break;
	}
	*ret_generation = 0;
	return 0;
}
