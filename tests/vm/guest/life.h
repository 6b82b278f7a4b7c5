/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * One thread of the program nodes: its dice, what it has open and mapped, and what it passes to calls.
 */
#ifndef LIFE_H
#define LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

/* The first files are nodes, unless they were closed. */
enum { N_NODES = 4, N_FDS = 8, N_MAPS = 4, BUFFER_SIZE = 8192 };

struct life {
	uint64_t dice;
	int fds[N_FDS];
	struct { char *at; size_t size; } maps[N_MAPS];
	char *buffer, *read_only;
	/* io_uring, or -1, and its queues. */
	int ring;
	char *queue;
	void *entries;
	bool child;
};

static uint32_t draw(struct life *l, uint32_t below)
{
	/* xorshift64 */
	l->dice ^= l->dice << 13;
	l->dice ^= l->dice >> 7;
	l->dice ^= l->dice << 17;
	return (uint32_t)(l->dice >> 32) % below;
}

static bool toss(struct life *l)
{
	return draw(l, 2);
}

static int any_fd(struct life *l)
{
	return l->fds[draw(l, draw(l, 4) ? N_NODES : N_FDS)];
}

/* Takes the place of another file, which is closed. */
static void keep_fd(struct life *l, int fd, bool node)
{
	unsigned int at = node ? draw(l, N_NODES) : N_NODES + draw(l, N_FDS - N_NODES);

	if (fd < 0)
		return;
	if (l->fds[at] >= 0)
		close(l->fds[at]);
	l->fds[at] = fd;
}

/* Good memory, the end of it, memory that may only be read, and none. */
static void *any_buffer(struct life *l)
{
	switch (draw(l, 8)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(uintptr_t)-4096;
	case 2:
		return l->read_only;
	case 3:
		return l->buffer + BUFFER_SIZE - draw(l, 100);
	case 4:
		return l->maps[draw(l, N_MAPS)].at;
	}
	return l->buffer + 8 * (size_t)draw(l, 100);
}

static size_t any_size(struct life *l)
{
	static const size_t sizes[] = { 0, 1, 4, 5, 8, sizeof(struct vmgenid_record), 16, 4095, 4096, 4097,
					8192, SIZE_MAX, INT32_MAX };

	return sizes[draw(l, sizeof(sizes) / sizeof(sizes[0]))];
}

#endif /* LIFE_H */
