/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Processes that a hook leaves behind, to be named. Their names are what they
 * say of themselves, so the number comes with each.
 */
#ifndef LEFTOVER_H
#define LEFTOVER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/comm.h"

enum { LEFTOVER_NAMED = 8 };

struct leftover {
	size_t n_processes;
	/* The first of them. */
	pid_t pids[LEFTOVER_NAMED];
};

void leftover_add(struct leftover *leftover, pid_t pid);

/* "NAME (NUMBER), NAME (NUMBER), ..." as they are called now; "?": it has ended meanwhile. */
enum { LEFTOVER_TEXT_SIZE = LEFTOVER_NAMED * (COMM_SIZE + 16) + 8 };
const char *leftover_text(const struct leftover *leftover, char ret_text[LEFTOVER_TEXT_SIZE]);

#endif /* LEFTOVER_H */
