/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the program nodes does with the nodes by io_uring.
 */
#ifndef NODERING_H
#define NODERING_H

#include <linux/io_uring.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "life.h"

enum { RING_ENTRIES = 8, RING_SIZE = 4096 };

static struct io_uring_params ring_params;

static void end_ring(struct life *l)
{
	munmap(l->queue, RING_SIZE);
	munmap(l->entries, RING_ENTRIES * sizeof(struct io_uring_sqe));
	close(l->ring);
	l->ring = -1;
}

static int begin_ring(struct life *l)
{
	struct io_uring_params params = { .flags = 0 };

	l->ring = (int)syscall(SYS_io_uring_setup, RING_ENTRIES, &params);
	if (l->ring < 0)
		return -1;
	ring_params = params;
	l->queue = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, l->ring, IORING_OFF_SQ_RING);
	l->entries = mmap(NULL, RING_ENTRIES * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			  MAP_SHARED, l->ring, IORING_OFF_SQES);
	if (l->queue != MAP_FAILED && l->entries != MAP_FAILED)
		return 0;
	end_ring(l);
	return -1;
}

static struct io_uring_sqe any_entry(struct life *l)
{
	static const uint8_t codes[] = { IORING_OP_READ, IORING_OP_READ, IORING_OP_POLL_ADD, IORING_OP_POLL_ADD,
					 IORING_OP_POLL_REMOVE, IORING_OP_ASYNC_CANCEL, IORING_OP_WRITE,
					 IORING_OP_CLOSE, IORING_OP_SPLICE, IORING_OP_EPOLL_CTL };
	struct io_uring_sqe entry = {
		.opcode = codes[draw(l, sizeof(codes))], .fd = any_fd(l),
		.flags = (uint8_t)(draw(l, 4) ? 0 : 1U << draw(l, 7)),
		.addr = (uintptr_t)(l->buffer + 8 * (size_t)draw(l, 100)),
		.len = toss(l) ? sizeof(struct vmgenid_record) : 8, .user_data = draw(l, 4),
	};

	if (entry.opcode == IORING_OP_POLL_ADD) {
		entry.poll32_events = POLLIN;
		entry.len = toss(l) ? IORING_POLL_ADD_MULTI : 0;
	} else if (entry.opcode == IORING_OP_ASYNC_CANCEL || entry.opcode == IORING_OP_POLL_REMOVE) {
		entry.addr = draw(l, 4);
		entry.len = 0;
	} else if (entry.opcode == IORING_OP_CLOSE) {
		/* Not one that another call here has in its hands. */
		entry.fd = -1;
	}
	return entry;
}

/* A few at once; nobody waits for what becomes of them. */
static long do_ring(struct life *l)
{
	unsigned int *tail, *mask, *array, i, n = 1 + draw(l, 3);

	if (l->ring >= 0 && !draw(l, 20))
		end_ring(l);
	if (l->ring < 0 && begin_ring(l))
		return -1;
	tail = (void *)(l->queue + ring_params.sq_off.tail);
	mask = (void *)(l->queue + ring_params.sq_off.ring_mask);
	array = (void *)(l->queue + ring_params.sq_off.array);
	for (i = 0; i < n; i++) {
		((struct io_uring_sqe *)l->entries)[(*tail + i) & *mask] = any_entry(l);
		array[(*tail + i) & *mask] = (*tail + i) & *mask;
	}
	__atomic_store_n(tail, *tail + n, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, l->ring, n, 0, 0, NULL, 0);
}

#endif /* NODERING_H */
