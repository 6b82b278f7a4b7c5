/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The event loop of vmgend. Signals are events, so their handlers may do what
 * they like.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

#include "log.h"
#include "loop.h"

enum source {
	WITNESS, GUARDIAN, RETRY, WATCHER, CHILD, HANGUP, REQUEST, TERMINATE, INTERRUPT, ALIVE, N_SOURCES
};

struct loop {
	struct event_base *base;
	struct event *sources[N_SOURCES];
	const struct loop_handlers *handlers;
	void *context;
};

static void on_witness(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop->handlers->witness(loop->context);
}

static void on_guardian(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop->handlers->guardian(loop->context);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop->handlers->retry(loop->context);
}

static void on_watcher(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop->handlers->watcher(loop->context);
}

static void on_child(evutil_socket_t signal, short what, void *arg)
{
	struct loop *loop = arg;

	(void)signal;
	(void)what;
	loop->handlers->child(loop->context);
}

static void on_request(evutil_socket_t signal, short what, void *arg)
{
	struct loop *loop = arg;

	(void)signal;
	(void)what;
	loop->handlers->request(loop->context);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	struct loop *loop = arg;

	(void)signal;
	(void)what;
	loop->handlers->reload(loop->context);
}

static void on_stop(evutil_socket_t signal, short what, void *arg)
{
	struct loop *loop = arg;

	(void)signal;
	(void)what;
	loop->handlers->stop(loop->context);
}

static void on_alive(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop->handlers->alive(loop->context);
}

static void on_libevent_log(int severity, const char *message)
{
	static const int priorities[] = {
		[EVENT_LOG_DEBUG] = LOG_DEBUG, [EVENT_LOG_MSG] = LOG_INFO,
		[EVENT_LOG_WARN] = LOG_WARNING, [EVENT_LOG_ERR] = LOG_ERR,
	};

	log_line(priorities[severity], "libevent: %s", message);
}

/* event may be NULL: then there was no memory for it. */
static int add(struct loop *loop, enum source source, struct event *event,
	       const struct timeval *interval)
{
	loop->sources[source] = event;
	return event && !event_add(event, interval) ? 0 : -ENOMEM;
}

int loop_new(const struct loop_handlers *handlers, void *context, uint64_t alive_usec,
	     struct loop **ret_loop)
{
	const struct timeval interval = {
		.tv_sec = alive_usec / 1000000, .tv_usec = alive_usec % 1000000,
	};
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	event_set_log_callback(on_libevent_log);
	loop->handlers = handlers;
	loop->context = context;
	loop->base = event_base_new();
	if (!loop->base ||
	    add(loop, CHILD, evsignal_new(loop->base, SIGCHLD, on_child, loop), NULL) ||
	    add(loop, REQUEST, evsignal_new(loop->base, SIGUSR1, on_request, loop), NULL) ||
	    add(loop, HANGUP, evsignal_new(loop->base, SIGHUP, on_reload, loop), NULL) ||
	    add(loop, TERMINATE, evsignal_new(loop->base, SIGTERM, on_stop, loop), NULL) ||
	    add(loop, INTERRUPT, evsignal_new(loop->base, SIGINT, on_stop, loop), NULL) ||
	    (alive_usec && add(loop, ALIVE, event_new(loop->base, -1, EV_PERSIST, on_alive, loop),
			       &interval))) {
		loop_free(loop);
		return -ENOMEM;
	}
	*ret_loop = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	int i;

	if (!loop)
		return NULL;
	for (i = 0; i < N_SOURCES; i++)
		if (loop->sources[i])
			event_free(loop->sources[i]);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
	return NULL;
}

int loop_watch(struct loop *loop, int fd)
{
	static const struct timeval second = { .tv_sec = 1 };
	short what = fd < 0 ? EV_PERSIST : EV_READ | EV_PERSIST;

	return add(loop, WITNESS, event_new(loop->base, fd < 0 ? -1 : fd, what, on_witness, loop),
		   fd < 0 ? &second : NULL);
}

int loop_watch_once(struct loop *loop, int fd)
{
	struct event *event = loop->sources[WATCHER];

	if (!event)
		event = event_new(loop->base, fd, EV_READ, on_watcher, loop);
	return add(loop, WATCHER, event, NULL);
}

int loop_watch_guardian(struct loop *loop, int fd)
{
	if (loop->sources[GUARDIAN])
		event_free(loop->sources[GUARDIAN]);
	loop->sources[GUARDIAN] = NULL;
	if (fd < 0)
		return 0;
	return add(loop, GUARDIAN, event_new(loop->base, fd, EV_READ | EV_PERSIST, on_guardian,
					     loop), NULL);
}

int loop_retry(struct loop *loop, unsigned int seconds)
{
	const struct timeval interval = { .tv_sec = seconds };
	struct event *event = loop->sources[RETRY];

	if (!event)
		event = event_new(loop->base, -1, 0, on_retry, loop);
	/* Put off whenever something happens, it might never come. */
	if (event && event_pending(event, EV_TIMEOUT, NULL))
		return 0;
	return add(loop, RETRY, event, &interval);
}

int loop_run(struct loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *loop)
{
	(void)event_base_loopbreak(loop->base);
}
