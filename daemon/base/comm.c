/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What a process calls itself.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "comm.h"
#include "text.h"

const char *comm_read(int proc_fd, char ret_name[COMM_SIZE])
{
	int fd = openat(proc_fd, "comm", O_RDONLY | O_CLOEXEC);
	char name[COMM_BYTES], safe[COMM_SIZE - 2];
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);
	bool quoted;

	if (fd >= 0)
		close(fd);
	if (n > 0 && name[n - 1] == '\n')
		n--;
	name[n > 0 ? n : 0] = '\0';
	quoted = name[strcspn(name, " ,()\"")];
	text_escape(quoted ? TEXT_LABEL : TEXT_LINE, *name ? name : "?", *name ? n : 1, safe,
		    sizeof(safe), NULL);
	sprintf(ret_name, quoted ? "\"%s\"" : "%s", safe);
	return ret_name;
}
