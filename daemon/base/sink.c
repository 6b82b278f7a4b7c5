/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where the log goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sink.h"

/* What has no /proc can only ask first, and hope that nobody else takes the room. */
static ssize_t write_with_room(int fd, const char *text, size_t size)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	if (poll(&room, 1, 0) > 0)
		return write(fd, text, size);
	errno = EAGAIN;
	return -1;
}

/*
 * The descriptor is shared with those who started this, so it is not made non-blocking
 * itself. A file is never opened again, because that would begin at its start.
 */
static ssize_t write_unless_full(int fd, const char *text, size_t size)
{
	struct stat st;
	char path[32];
	ssize_t n;
	int own;

	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return write(fd, text, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return write_with_room(fd, text, size);
	n = write(own, text, size);
	if (n < 0)
		n = -errno;
	close(own);
	if (n >= 0)
		return n;
	errno = -n;
	return -1;
}

int sink_write(int fd, const char *text, size_t size)
{
	ssize_t n = send(fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write_unless_full(fd, text, size);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

/*
 * The connection is not kept: a child that has closed all descriptors would write to
 * what has its number then.
 */
static int send_as(int type, const char *path, const char *text, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r = 0;
	ssize_t n;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
	    (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		r = -errno;
	} else {
		n = send(fd, text, size, MSG_NOSIGNAL);
		r = n < 0 ? -errno : (size_t)n == size ? 0 : -EIO;
	}
	close(fd);
	return r;
}

int sink_send(const char *path, const char *text, size_t size)
{
	int r = send_as(SOCK_DGRAM, path, text, size);

	return r == -EPROTOTYPE ? send_as(SOCK_STREAM, path, text, size + 1) : r;
}
