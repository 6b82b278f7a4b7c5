/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Processes that a hook leaves behind.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "leftover.h"

void leftover_add(struct leftover *leftover, pid_t pid)
{
	if (leftover->n_processes < LEFTOVER_NAMED)
		leftover->pids[leftover->n_processes] = pid;
	leftover->n_processes++;
}

static const char *name_of(pid_t pid, char ret_name[COMM_SIZE])
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	comm_read(fd, ret_name);
	if (fd >= 0)
		close(fd);
	return ret_name;
}

const char *leftover_text(const struct leftover *leftover, char ret_text[LEFTOVER_TEXT_SIZE])
{
	char name[COMM_SIZE];
	size_t i, used = 0;

	*ret_text = '\0';
	for (i = 0; i < leftover->n_processes && i < LEFTOVER_NAMED; i++)
		used += sprintf(ret_text + used, "%s%s (%d)", i ? ", " : "",
				name_of(leftover->pids[i], name), (int)leftover->pids[i]);
	if (i < leftover->n_processes)
		sprintf(ret_text + used, ", ...");
	return ret_text;
}
