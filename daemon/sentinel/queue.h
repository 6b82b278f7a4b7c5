/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which processes there are, in the order in which they are looked at: the users take
 * turns. So nobody can have others wait behind a thousand processes that he holds up. A user
 * who has made a user namespace has all processes in it, of all its users.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stddef.h>
#include <sys/types.h>

enum { QUEUE_SIZE = 1 << 15 };

struct queue {
	size_t n_pids;
	int pids[QUEUE_SIZE];
	uid_t users[QUEUE_SIZE];
};

/*
 * proc: "/proc". last: users whose turn is after all others'. Returns how many did not find
 * room; 1: there is no list.
 */
size_t queue_fill(struct queue *queue, const char *proc, const uid_t *last, size_t n_last);

#endif /* QUEUE_H */
