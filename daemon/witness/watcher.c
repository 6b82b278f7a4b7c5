/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgend as a watcher of /dev/sysgenid; the contract is in <vmgen/sysgenid.h>.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vmgen/sysgenid.h>

#include "watcher.h"

int watcher_open(const char *node, int *ret_fd)
{
	int fd = open(node, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SYSGENID_SET_WATCHER_TRACKING, 1)) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int watcher_read(int fd, uint32_t *ret_generation)
{
	uint32_t generation;
	ssize_t n = read(fd, &generation, sizeof(generation));

	if (n < 0)
		return -errno;
	if (n != sizeof(generation))
		return -EPROTO;
	*ret_generation = generation;
	return 0;
}

int watcher_confirm(int fd, uint32_t generation)
{
	ssize_t n = write(fd, &generation, sizeof(generation));

	return n < 0 ? -errno : n == sizeof(generation) ? 0 : -EPROTO;
}
