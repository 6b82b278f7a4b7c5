/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Locks by name. The files are 0600: who can open one can also lock it, and
 * so keep the daemon from starting.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"

static pid_t read_holder(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? atoi(text) : 0;
}

static int note_holder(int fd)
{
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0)
		return -errno;
	return 0;
}

int lock_take(const char *directory, const char *name, bool wait, int *ret_fd, pid_t *ret_holder)
{
	int dir_fd, fd, r = 0;

	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	dir_fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		r = -errno;
	close(dir_fd);
	if (r)
		return r;
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB))) {
		if (errno == EINTR)
			continue;
		r = -errno;
		goto err_close;
	}
	r = note_holder(fd);
	if (r)
		goto err_close;
	*ret_fd = fd;
	return 0;

err_close:
	if (r == -EWOULDBLOCK && ret_holder)
		*ret_holder = read_holder(fd);
	close(fd);
	return r;
}
