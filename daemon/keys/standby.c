/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Standing by for a change; see standby.h.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "standby.h"

/* Says that there is something to wait for; what runs later must not see it. */
#define STANDBY_VARIABLE "VMGEN_STANDBY"

/* The environment points into it from then on. */
static char packet[STANDBY_PACKET_SIZE];

/* What vmgend gives to a hook, and nothing that changes how a program is loaded. */
static bool is_allowed(const char *name, size_t length)
{
	static const char *const names[] = { "PATH", "LANG", "USER", "LOGNAME", "HOME" };
	static const char prefix[] = "VMGEN_";
	size_t i;

	if (length >= sizeof(prefix) && !strncmp(name, prefix, sizeof(prefix) - 1)) {
		for (i = 0; i < length; i++)
			if (!isupper((unsigned char)name[i]) && name[i] != '_')
				return false;
		return true;
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && !strncmp(names[i], name, length))
			return true;
	return false;
}

static int check(size_t size)
{
	const char *p, *equals;

	if (packet[size - 1])
		return -EBADMSG;
	for (p = packet; p < packet + size; p += strlen(p) + 1) {
		equals = strchr(p, '=');
		if (!equals || !is_allowed(p, equals - p))
			return -EBADMSG;
	}
	return 0;
}

static int take(size_t size)
{
	char *p;

	for (p = packet; p < packet + size; p += strlen(p) + 1)
		if (putenv(p))
			return -ENOMEM;
	return unsetenv(STANDBY_VARIABLE) ? -errno : 0;
}

static int receive(void)
{
	ssize_t n;
	int r;

	do {
		/* The length that it has, also of one that is too long. */
		n = recv(STDIN_FILENO, packet, sizeof(packet), MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -ENODATA;
	if (n > (ssize_t)sizeof(packet))
		return -EMSGSIZE;
	r = check(n);
	return r ? r : take(n);
}

int standby_wait(void)
{
	int null_fd, r;

	if (!getenv(STANDBY_VARIABLE))
		return 0;
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0)
		return -errno;
	/* It works without, but waits for the disk if some of it is not in memory. */
	(void)mlockall(MCL_CURRENT);
	r = receive();
	if (!r && dup2(null_fd, STDIN_FILENO) < 0)
		r = -errno;
	close(null_fd);
	return r;
}
