/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Delivers the report. All is edge-triggered: a port that no host has open hangs up all
 * the time, and a loop that polled it would never sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/file.h"
#include "base/log.h"
#include "courier.h"
#include "notifysocket.h"
#include "serialport.h"

enum {
	/* Before what failed is tried again; doubled each time. */
	FIRST_RETRY_SEC = 1,
	LAST_RETRY_SEC = 64,
	ADDRESS_SIZE = 256,
};

enum way { PORT, SOCKET, WAYS };

/* One way to the host, and what is under way there. */
struct passage {
	/* -1: not open. */
	int fd;
	/* There is a report, and when it is no longer fresh; see deadline.h. */
	bool busy;
	int64_t deadline;
	/* Not open, and when that is tried again, the pause before the next time. */
	int64_t retry;
	unsigned int retry_sec;
	/* Of the text; whether all of it was sent, also if the host has gone since then. */
	size_t sent;
	bool delivered;
	/* Why it could not be opened the last time, or 0. */
	int error;
	char text[HOSTREPORT_SIZE];
};

struct courier {
	char ports[PATH_MAX], devices[PATH_MAX];
	int epoll_fd, timer_fd;
	struct passage passages[WAYS];
	char path[SERIALPORT_PATH_SIZE];
	/* Of the credential. */
	bool has_socket;
	struct notifysocket socket;
	char address[ADDRESS_SIZE];
	unsigned int attempt;
};

/* Each passage: how it is opened, and how what it sends goes on as far as it can. */
static int open_port(struct courier *courier, int *ret_fd)
{
	return serialport_open(courier->ports, courier->devices, courier->path, ret_fd);
}

static int open_socket(struct courier *courier, int *ret_fd)
{
	if (!courier->has_socket)
		return -ENOENT;
	return notifysocket_open(&courier->socket, &courier->attempt, ret_fd);
}

/* A line is taken whole or not at all. The port stays open as long as the line is fresh. */
static int send_to_port(struct passage *passage, bool hangs_up)
{
	size_t size = strlen(passage->text);
	ssize_t n;

	/* Who connects next has not read it, and what was under way is lost with the connection. */
	if (hangs_up)
		passage->sent = 0;
	if (hangs_up || passage->sent == size)
		return -EAGAIN;
	n = write(passage->fd, passage->text, size);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n != (ssize_t)size)
		return -EIO;
	passage->sent = size;
	passage->delivered = true;
	return -EAGAIN;
}

static int send_to_socket(struct passage *passage, bool hangs_up)
{
	(void)hangs_up;
	return notifysocket_send(passage->fd, passage->text, &passage->sent);
}

static const struct {
	int (*open)(struct courier *courier, int *ret_fd);
	int (*send)(struct passage *passage, bool hangs_up);
	int (*compose)(const struct hostreport *report, char ret_text[static HOSTREPORT_SIZE]);
	uint32_t events;
} ways[WAYS] = {
	[PORT] = { open_port, send_to_port, hostreport_line, EPOLLOUT },
	[SOCKET] = { open_socket, send_to_socket, hostreport_notification,
		     EPOLLOUT | EPOLLIN | EPOLLRDHUP },
};

static const char *name_of(const struct courier *courier, enum way way)
{
	return way == PORT ? courier->path : courier->address;
}

static void close_passage(struct passage *passage)
{
	/* That ends its place in the epoll as well: no child has it. */
	if (passage->fd >= 0)
		close(passage->fd);
	passage->fd = -1;
	passage->retry = 0;
}

static void end(struct passage *passage)
{
	close_passage(passage);
	passage->busy = false;
}

static void retry_later(struct courier *courier, enum way way, int r)
{
	struct passage *passage = &courier->passages[way];

	close_passage(passage);
	passage->sent = 0;
	/* Each reason once, and none for what this machine does not have. */
	if (r == -EBUSY && passage->error != r)
		log_warning("%s: another program has it open; the report to the host waits for that",
			    name_of(courier, way));
	passage->error = r;
	passage->retry = deadline_in(passage->retry_sec * 1000);
	if (passage->retry_sec < LAST_RETRY_SEC)
		passage->retry_sec *= 2;
}

static void open_passage(struct courier *courier, enum way way)
{
	struct passage *passage = &courier->passages[way];
	struct epoll_event event = { .events = ways[way].events | EPOLLET, .data.u32 = way };
	int r;

	r = ways[way].open(courier, &passage->fd);
	if (!r && epoll_ctl(courier->epoll_fd, EPOLL_CTL_ADD, passage->fd, &event))
		r = -errno;
	if (r)
		retry_later(courier, way, r);
	else
		/* The first event comes at once: it tells how it stands. */
		passage->retry = 0;
}

/* Nobody has taken it. Where there is no way, nobody wants it. */
static void give_up(struct courier *courier, enum way way)
{
	const struct passage *passage = &courier->passages[way];

	if (passage->delivered || passage->error == -ENOENT)
		return;
	log_line(passage->error ? LOG_WARNING : LOG_INFO,
		 "%s: the report to the host was not delivered within %d s: %s",
		 name_of(courier, way), COURIER_LIMIT_SEC,
		 passage->error ? file_strerror(passage->error) : "nobody there has read it");
}

static void look_at(struct courier *courier, enum way way)
{
	struct passage *passage = &courier->passages[way];

	if (!passage->busy)
		return;
	if (!deadline_left(passage->deadline)) {
		give_up(courier, way);
		end(passage);
	} else if (passage->fd < 0 && !deadline_left(passage->retry)) {
		open_passage(courier, way);
	}
}

/* Has the descriptor readable when something is due next; also no longer readable now. */
static void set_timer(struct courier *courier)
{
	struct itimerspec when = { .it_value.tv_sec = 0 };
	int64_t due = INT64_MAX, left;
	const struct passage *passage;
	int way;

	for (way = 0; way < WAYS; way++) {
		passage = &courier->passages[way];
		if (passage->busy && passage->deadline < due)
			due = passage->deadline;
		if (passage->busy && passage->fd < 0 && passage->retry < due)
			due = passage->retry;
	}
	if (due != INT64_MAX) {
		/* One that is over is due at once; zero would be never. */
		left = deadline_left(due) ?: 1;
		when.it_value = (struct timespec){
			.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000,
		};
	}
	(void)timerfd_settime(courier->timer_fd, 0, &when, NULL);
}

static void on_event(struct courier *courier, enum way way, uint32_t events)
{
	struct passage *passage = &courier->passages[way];
	int r;

	if (passage->fd < 0)
		return;
	r = ways[way].send(passage, events & EPOLLHUP);
	if (!r)
		end(passage);
	else if (r != -EAGAIN)
		retry_later(courier, way, r);
	else
		passage->error = 0;
}

void courier_advance(struct courier *courier)
{
	struct epoll_event events[WAYS + 1];
	int i, n, way;

	n = epoll_wait(courier->epoll_fd, events, WAYS + 1, 0);
	for (i = 0; i < n; i++)
		/* The timer has none. */
		if (events[i].data.u32 < WAYS)
			on_event(courier, events[i].data.u32, events[i].events);
	for (way = 0; way < WAYS; way++)
		look_at(courier, way);
	set_timer(courier);
}

void courier_drop(struct courier *courier)
{
	int way;

	for (way = 0; courier && way < WAYS; way++)
		end(&courier->passages[way]);
}

void courier_tell(struct courier *courier, const struct hostreport *report)
{
	struct passage *passage;
	int way;

	if (!courier)
		return;
	for (way = 0; way < WAYS; way++) {
		passage = &courier->passages[way];
		close_passage(passage);
		if (ways[way].compose(report, passage->text)) {
			log_error("cannot tell the host: out of memory");
			passage->busy = false;
			continue;
		}
		passage->busy = true;
		passage->sent = 0;
		passage->delivered = false;
		passage->error = 0;
		passage->retry_sec = FIRST_RETRY_SEC;
		passage->deadline = deadline_in(COURIER_LIMIT_SEC * 1000);
		open_passage(courier, way);
	}
	courier_advance(courier);
}

/* What the service manager has from the host. Most machines have no such thing. */
static void read_credential(struct courier *courier, const char *directory)
{
	char path[PATH_MAX], *text;
	int r;

	if (!directory ||
	    snprintf(path, sizeof(path), "%s/" NOTIFYSOCKET_CREDENTIAL, directory) >=
	    (int)sizeof(path))
		return;
	r = file_read(AT_FDCWD, path, ADDRESS_SIZE - 1, &text, NULL);
	if (r == -ENOENT)
		return;
	if (r) {
		log_warning("cannot read the credential " NOTIFYSOCKET_CREDENTIAL ": %s",
			    file_strerror(r));
		return;
	}
	text[strcspn(text, "\n")] = '\0';
	strcpy(courier->address, text);
	free(text);
	courier->has_socket = !notifysocket_parse(courier->address, &courier->socket);
	if (!courier->has_socket)
		log_warning("the credential " NOTIFYSOCKET_CREDENTIAL " is \"%s\", and a VM can reach its host by vsock:CID:PORT; have the host give that",
			    courier->address);
}

int courier_new(const struct courier_places *places, struct courier **ret_courier)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = WAYS };
	struct courier *courier = calloc(1, sizeof(*courier));
	int r, way;

	if (!courier)
		return -ENOMEM;
	snprintf(courier->ports, sizeof(courier->ports), "%s", places->ports);
	snprintf(courier->devices, sizeof(courier->devices), "%s", places->devices);
	for (way = 0; way < WAYS; way++)
		courier->passages[way].fd = -1;
	courier->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	courier->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (courier->epoll_fd < 0 || courier->timer_fd < 0 ||
	    epoll_ctl(courier->epoll_fd, EPOLL_CTL_ADD, courier->timer_fd, &event)) {
		r = -errno;
		courier_free(courier);
		return r;
	}
	read_credential(courier, places->credentials);
	*ret_courier = courier;
	return 0;
}

struct courier *courier_free(struct courier *courier)
{
	if (!courier)
		return NULL;
	courier_drop(courier);
	if (courier->timer_fd >= 0)
		close(courier->timer_fd);
	if (courier->epoll_fd >= 0)
		close(courier->epoll_fd);
	free(courier);
	return NULL;
}

int courier_fd(const struct courier *courier)
{
	return courier->epoll_fd;
}
