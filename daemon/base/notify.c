/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend tells the service manager. sd_notify(3) waits as long as that does
 * not read, and a change would wait as well; so this is the part of it that is
 * needed, with a bound. A message that is lost cannot be sent later, so there
 * are no results.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "notify.h"

/* For a manager that has not read what others told it either. */
static const struct timeval send_limit = { .tv_sec = 1 };

static void send_text(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;
	int fd;

	if (!length || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	/* One that has no file. */
	if (*path == '@')
		*address.sun_path = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof(send_limit)))
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
			     offsetof(struct sockaddr_un, sun_path) + length);
	close(fd);
}

void notify_ready(void)
{
	send_text("READY=1");
}

void notify_reloading(void)
{
	struct timespec now;
	char text[64];

	/* By this the manager tells a READY of before from the one that answers. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 now.tv_sec * 1000000ULL + now.tv_nsec / 1000);
	send_text(text);
}

void notify_stopping(void)
{
	send_text("STOPPING=1");
}

void notify_alive(void)
{
	send_text("WATCHDOG=1");
}

void notify_status(const char *format, ...)
{
	char text[512] = "STATUS=";
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, sizeof(text) - used, format, args);
	va_end(args);
	send_text(text);
}

void notify_extend_start(unsigned int seconds)
{
	char text[64];

	snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%llu", seconds * 1000000ULL);
	send_text(text);
}

/* Of the environment; 0 also for what is no number. */
static uint64_t number(const char *name)
{
	const char *text = getenv(name);
	uint64_t n;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	return errno || *end ? 0 : n;
}

/* As sd_watchdog_enabled(3). */
uint64_t notify_alive_interval(void)
{
	uint64_t usec = number("WATCHDOG_USEC");

	/* That of another process, which has started this one, is not for it. */
	if (getenv("WATCHDOG_PID") && number("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	/* Half of it, as that page recommends; the largest number is systemd's "never". */
	return usec == UINT64_MAX ? 0 : usec / 2;
}
