/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the service manager is told, and that one that does not read holds
 * nothing up.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"
#include "scratch.h"
#include "tap.h"

static int manager(struct sockaddr_un *address, socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)address, size))
		scratch_give_up("socket");
	return fd;
}

static const char *told(int fd)
{
	static char text[1024];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/* Returns how many messages it takes. */
static int fill(void)
{
	int i, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
	for (i = 0; sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)) == 1; i++)
		;
	close(fd);
	return errno == EAGAIN ? i : -1;
}

/* WATCHDOG_PID, where NULL is none, and WATCHDOG_USEC. */
static void alive(const char *pid, const char *usec, uint64_t want, const char *name)
{
	unsetenv("WATCHDOG_PID");
	if (pid)
		(void)setenv("WATCHDOG_PID", pid, 1);
	(void)setenv("WATCHDOG_USEC", usec, 1);
	ok(notify_alive_interval() == want, "signs of life: %s", name);
}

static void test_interval(void)
{
	char own[16];

	unsetenv("WATCHDOG_USEC");
	ok(!notify_alive_interval(), "nobody asks for signs of life");
	snprintf(own, sizeof(own), "%d", (int)getpid());
	alive(NULL, "600000000", 300000000, "in half of the time");
	alive(own, "600000000", 300000000, "of this process");
	alive("1", "600000000", 0, "of another one");
	alive("no number", "600000000", 0, "of nobody");
	alive(own, "600000000s", 0, "no number");
	alive(own, "-1", 0, "less than none");
	alive(own, "99999999999999999999", 0, "too large a number");
	alive(own, "18446744073709551615", 0, "never");
	alive(own, "", 0, "an empty one");
}

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, n;

	scratch_create();
	/* This ends a test that waits. */
	alarm(300);
	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	ok(true, "without a manager nothing happens");
	strcpy(address.sun_path, scratch_path("notify"));
	fd = manager(&address, sizeof(address));
	(void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
	notify_ready();
	ok(!strcmp(told(fd), "READY=1"), "ready");
	notify_reloading();
	ok(!strncmp(told(fd), "RELOADING=1\nMONOTONIC_USEC=", 27), "reloading");
	notify_status("%s %d", "watching", 3);
	ok(!strcmp(told(fd), "STATUS=watching 3"), "status");
	notify_extend_start(90);
	ok(!strcmp(told(fd), "EXTEND_TIMEOUT_USEC=90000000"), "more time");
	notify_alive();
	ok(!strcmp(told(fd), "WATCHDOG=1"), "a sign of life");
	notify_stopping();
	ok(!strcmp(told(fd), "STOPPING=1"), "stopping");

	n = fill();
	ok(n > 0, "a manager that does not read");
	notify_alive();
	notify_ready();
	ok(true, "is not waited for");
	while (n > 0 && *told(fd) == 'x')
		n--;
	equal(n, 0, "what others told it is there");
	notify_alive();
	ok(!strcmp(told(fd), "WATCHDOG=1"), "and when it reads again it is told again");
	close(fd);

	address.sun_path[0] = '\0';
	n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "vmgen-test-%d", (int)getpid());
	fd = manager(&address, offsetof(struct sockaddr_un, sun_path) + 1 + n);
	address.sun_path[0] = '@';
	(void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
	notify_ready();
	ok(!strcmp(told(fd), "READY=1"), "a socket without a file");
	close(fd);
	(void)setenv("NOTIFY_SOCKET", scratch_path("gone"), 1);
	notify_ready();
	ok(true, "one that is gone");
	test_interval();
	return tap_done();
}
