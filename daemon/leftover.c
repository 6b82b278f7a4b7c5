/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Processes that a hook leaves behind.
 */
#include <stdio.h>

#include "leftover.h"

void leftover_add(struct leftover *leftover, pid_t pid)
{
	if (leftover->n_processes < LEFTOVER_NAMED)
		leftover->pids[leftover->n_processes] = pid;
	leftover->n_processes++;
}

const char *leftover_text(const struct leftover *leftover, char ret_text[LEFTOVER_TEXT_SIZE])
{
	size_t i, used = 0;

	*ret_text = '\0';
	for (i = 0; i < leftover->n_processes && i < LEFTOVER_NAMED; i++)
		used += sprintf(ret_text + used, "%s%d", i ? ", " : "", (int)leftover->pids[i]);
	if (i < leftover->n_processes)
		sprintf(ret_text + used, ", ...");
	return ret_text;
}
