/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which processes there are, in the order in which they are looked at: the users take
 * turns. So nobody can have others wait behind a thousand processes that he holds up.
 */
#ifndef ROLL_H
#define ROLL_H

#include <stddef.h>

enum { ROLL_SIZE = 1 << 15 };

struct roll {
	size_t n_pids;
	int pids[ROLL_SIZE];
};

/* proc: "/proc". Returns how many did not find room; 1: there is no list. */
size_t roll_call(struct roll *roll, const char *proc);

#endif /* ROLL_H */
