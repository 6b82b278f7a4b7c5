/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The report on its way to a host that is slow, late, busy or not there: nothing waits, and
 * nothing is tried without end. The host is a pair of sockets; a port that hangs up is of
 * real machines (tests/vm/t-report.py).
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "clock.h"
#include "courier/courier.h"
#include "courier/notifysocket.h"
#include "courier/serialport.h"
#include "tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct courier *courier;
/* What the port is: the other end, or why it cannot be opened. */
static int port_host = -1, port_error = -ENOENT, port_opens;
static bool port_full;
/* Types of socket that this machine has not got. */
static int missing_types;
static bool vsock_bound;

/* Instead of the real one, which has a test of its own. */
int serialport_open(const char *sysfs, const char *devices,
		    char ret_path[static SERIALPORT_PATH_SIZE], int *ret_fd)
{
	static const char zeros[4096];
	int fds[2];

	(void)sysfs;
	(void)devices;
	port_opens++;
	strcpy(ret_path, "/dev/vport0p1");
	if (port_error)
		return port_error;
	if (port_host >= 0)
		close(port_host);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
		scratch_give_up("socketpair");
	while (port_full && send(fds[0], zeros, sizeof(zeros), MSG_DONTWAIT) > 0)
		;
	*ret_fd = fds[0];
	port_host = fds[1];
	return 0;
}

/* Instead of libc's: an address of vsock is that of a file. */
int socket(int domain, int type, int protocol)
{
	if (domain == AF_VSOCK && missing_types & 1 << (type & 15)) {
		errno = ENODEV;
		return -1;
	}
	return syscall(SYS_socket, domain == AF_VSOCK ? AF_UNIX : domain, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	if (address->sa_family != AF_VSOCK)
		return syscall(SYS_bind, fd, address, size);
	vsock_bound = ((const struct sockaddr_vm *)address)->svm_port < 1024;
	return 0;
}

static struct sockaddr_un file_of(unsigned int port)
{
	struct sockaddr_un file = { .sun_family = AF_UNIX };

	snprintf(file.sun_path, sizeof(file.sun_path), "%s/%u", scratch_directory, port);
	return file;
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct sockaddr_un file = file_of(((const struct sockaddr_vm *)address)->svm_port);

	(void)size;
	return syscall(SYS_connect, fd, &file, sizeof(file));
}

static int host_listens(unsigned int port, int type)
{
	struct sockaddr_un file = file_of(port);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(file.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&file, sizeof(file)) ||
	    (type != SOCK_DGRAM && listen(fd, 10)))
		scratch_give_up("listen");
	return fd;
}

static const char *text_at(int fd)
{
	static char text[1 << 18];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static bool is_readable(void)
{
	return poll(&(struct pollfd){ .fd = courier_fd(courier), .events = POLLIN }, 1, 0) == 1;
}

/* As long as there is something to do; returns false if that has no end. */
static bool advance(void)
{
	int i;

	for (i = 0; i < 100 && is_readable(); i++)
		courier_advance(courier);
	return i < 100;
}

static void later(int seconds)
{
	*clock_ahead_sec += seconds;
	/* The timer is the kernel's own. */
	courier_advance(courier);
	advance();
}

static void tell(const char *name)
{
	struct record run = { .id_hash = HASH, .event = EVENT_CHANGED };

	snprintf(run.name, sizeof(run.name), "%s", name);
	courier_tell(courier, &(struct hostreport){ .run = &run, .id_hash = HASH, .ended = true });
}

static void begin(const char *credential)
{
	const struct courier_places places = {
		.ports = scratch_path("ports"), .devices = scratch_path("dev"),
		.credentials = credential ? scratch_directory : NULL,
	};

	courier = courier_free(courier);
	if (credential)
		scratch_write(NOTIFYSOCKET_CREDENTIAL, credential, 0400);
	if (courier_new(&places, &courier))
		scratch_give_up("courier");
	port_opens = 0;
}

static void test_port(void)
{
	int i;

	port_error = 0;
	begin(NULL);
	ok(!is_readable(), "before a report there is nothing to do");
	tell("a");
	ok(strstr(text_at(port_host), "\"name\":\"a\""), "a port that is open has the line at once");
	ok(advance() && !*text_at(port_host), "once, and then there is nothing to do");
	tell("b");
	tell("c");
	ok(strstr(text_at(port_host), "\"name\":\"c\""), "a newer report takes the place of one");
	courier_drop(courier);
	ok(recv(port_host, &i, 1, MSG_DONTWAIT) == 0 && advance(), "and with none the port is closed");
}

static void test_full_port(void)
{
	int i;

	port_full = true;
	tell("unread");
	ok(advance() && !is_readable(), "a port that is full keeps nobody busy");
	/* The first time what was in the way. */
	for (i = 0; i < 100 && !strstr(text_at(port_host), "\"name\":\"unread\""); i++)
		(void)advance();
	ok(i < 100, "and has the line when its host reads");
	port_full = false;
}

static void test_missing(void)
{
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int saved = dup(STDERR_FILENO), i;

	port_error = -ENOENT;
	begin(NULL);
	tell("late");
	for (i = 0; i < 3; i++)
		later(1);
	port_error = 0;
	later(64);
	ok(strstr(text_at(port_host), "\"name\":\"late\""), "a port that comes late is found");
	port_error = -EBUSY;
	begin(NULL);
	dup2(fd, STDERR_FILENO);
	tell("never");
	for (i = 0; i < COURIER_LIMIT_SEC; i++)
		later(1);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	ok(port_opens > 5 && port_opens < 20, "one that is busy is tried %d times", port_opens);
	ok(strstr(scratch_read("log"), "/dev/vport0p1: the report to the host was not delivered within "),
	   "and that it was not delivered is told");
	i = port_opens;
	port_error = 0;
	later(COURIER_LIMIT_SEC);
	ok(port_opens == i && !is_readable(), "and then no longer");
}

/* type: of socket(2), that of the host. */
static void test_type(const char *credential, int type, const char *name)
{
	int fd = host_listens(9, type), connection = fd, i;

	begin(credential);
	vsock_bound = false;
	tell("s");
	/* What the host does not take is tried in another way. */
	for (i = 0; i < 3; i++)
		later(4);
	if (type != SOCK_DGRAM)
		connection = accept(fd, NULL, NULL);
	ok(strstr(text_at(connection), "X_VMGEN_NAME=s\n"), "%s: a message", name);
	ok(vsock_bound, "%s: from a port of root's", name);
	ok(advance() && !*text_at(connection) && !is_readable(), "%s: one", name);
	if (connection != fd)
		close(connection);
	ok(advance() && !is_readable(), "%s: and it has an end", name);
	later(COURIER_LIMIT_SEC);
	ok(accept(fd, NULL, NULL) < 0, "%s: once", name);
	close(fd);
}

static void test_socket(void)
{
	port_error = -ENOENT;
	test_type("vsock:2:9", SOCK_DGRAM, "datagrams");
	missing_types = 1 << SOCK_DGRAM;
	test_type("vsock:2:9\n", SOCK_SEQPACKET, "no datagrams");
	test_type("vsock:2:9", SOCK_STREAM, "a host that takes streams alone");
	missing_types |= 1 << SOCK_SEQPACKET;
	test_type("vsock:2:9", SOCK_STREAM, "a kernel that has streams alone");
	test_type("vsock-stream:2:9", SOCK_STREAM, "streams");
	missing_types = 0;
	test_type("vsock-seqpacket:2:9", SOCK_SEQPACKET, "packets");
}

static void test_late_socket(void)
{
	int fd;

	unlink(scratch_path("9"));
	begin("vsock-stream:2:9");
	tell("early");
	later(1);
	tell("late");
	fd = host_listens(9, SOCK_STREAM);
	later(2);
	ok(strstr(text_at(accept(fd, NULL, NULL)), "X_VMGEN_NAME=late\n"),
	   "a host that listens late has the newest report");
	close(fd);
	begin("/run/systemd/notify");
	tell("x");
	ok(advance() && !is_readable(), "another address is left alone");
	unlink(scratch_path(NOTIFYSOCKET_CREDENTIAL));
	scratch_mkdir(NOTIFYSOCKET_CREDENTIAL, 0700);
	courier = courier_free(courier);
	ok(!courier_new(&(struct courier_places){ .ports = "", .devices = "",
						  .credentials = scratch_directory }, &courier),
	   "and so is what is no file");
	tell("x");
	ok(advance() && !is_readable(), "nothing comes of that");
}

int main(void)
{
	scratch_create();
	clock_create();
	/* This ends a test that waits. */
	alarm(300);
	test_port();
	test_full_port();
	test_missing();
	test_socket();
	test_late_socket();
	courier_tell(NULL, NULL);
	courier_drop(NULL);
	courier = courier_free(courier);
	return tap_done();
}
