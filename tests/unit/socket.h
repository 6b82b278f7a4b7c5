/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Stands in for the sockets of journald and syslog: a process that connects to one gets to that
 * of the same last word in the scratch directory.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "scratch.h"

static inline void socket_address(const char *path, struct sockaddr_un *ret_address)
{
	const char *name = strrchr(path, '/');

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s",
		 scratch_path("%s", name ? name + 1 : path));
}

/* Instead of libc's. */
int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct sockaddr_un there;

	(void)size;
	socket_address(((const struct sockaddr_un *)address)->sun_path, &there);
	return syscall(SYS_connect, fd, &there, sizeof(there));
}

/* Returns a socket of this type that others can connect to. */
static inline int socket_listen(const char *name, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;

	socket_address(name, &address);
	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    (type == SOCK_STREAM && listen(fd, 10)))
		scratch_give_up("socket");
	return fd;
}

/* Returns the next message, or an empty text. */
static inline const char *socket_read(int fd)
{
	static char text[1 << 16];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

#endif /* SOCKET_H */
