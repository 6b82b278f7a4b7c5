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

#include "base/log.h"
#include "loop.h"

enum source {
	WITNESS, GUARDIAN, RETRY, COURIER, WATCHER, CHILD, HANGUP, REQUEST, TERMINATE, INTERRUPT, ALIVE,
	N_SOURCES
};

/* What the loop waits for, and who is told. */
struct subscription {
	struct event *event;
	void (*handler)(void *context);
	void *context;
};

struct loop {
	struct event_base *base;
	struct subscription sources[N_SOURCES];
};

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	const struct subscription *subscription = arg;

	(void)fd;
	(void)what;
	subscription->handler(subscription->context);
}

static void on_libevent_log(int severity, const char *message)
{
	static const int priorities[] = {
		[EVENT_LOG_DEBUG] = LOG_DEBUG, [EVENT_LOG_MSG] = LOG_INFO,
		[EVENT_LOG_WARN] = LOG_WARNING, [EVENT_LOG_ERR] = LOG_ERR,
	};

	log_line(priorities[severity], "libevent: %s", message);
}

/* interval: NULL: until it happens. */
static int add(struct loop *loop, enum source source, int fd, short what,
	       const struct timeval *interval)
{
	struct subscription *subscription = &loop->sources[source];

	if (!subscription->event)
		subscription->event = event_new(loop->base, fd, what, on_event, subscription);
	return subscription->event && !event_add(subscription->event, interval) ? 0 : -ENOMEM;
}

static int add_signal(struct loop *loop, enum source source, int signal)
{
	return add(loop, source, signal, EV_SIGNAL | EV_PERSIST, NULL);
}

int loop_new(const struct loop_handlers *handlers, void *context, uint64_t alive_usec,
	     struct loop **ret_loop)
{
	const struct timeval interval = {
		.tv_sec = alive_usec / 1000000, .tv_usec = alive_usec % 1000000,
	};
	void (*const to[])(void *context) = {
		[WITNESS] = handlers->witness, [GUARDIAN] = handlers->guardian,
		[RETRY] = handlers->retry, [COURIER] = handlers->courier,
		[WATCHER] = handlers->watcher, [CHILD] = handlers->child,
		[HANGUP] = handlers->reload, [REQUEST] = handlers->request,
		[TERMINATE] = handlers->stop, [INTERRUPT] = handlers->stop,
		[ALIVE] = handlers->alive,
	};
	struct loop *loop = calloc(1, sizeof(*loop));
	int i;

	if (!loop)
		return -ENOMEM;
	event_set_log_callback(on_libevent_log);
	for (i = 0; i < N_SOURCES; i++)
		loop->sources[i] = (struct subscription){ .handler = to[i], .context = context };
	loop->base = event_base_new();
	if (!loop->base || add_signal(loop, CHILD, SIGCHLD) || add_signal(loop, REQUEST, SIGUSR1) ||
	    add_signal(loop, HANGUP, SIGHUP) || add_signal(loop, TERMINATE, SIGTERM) ||
	    add_signal(loop, INTERRUPT, SIGINT) ||
	    (alive_usec && add(loop, ALIVE, -1, EV_PERSIST, &interval))) {
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
		if (loop->sources[i].event)
			event_free(loop->sources[i].event);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
	return NULL;
}

int loop_watch(struct loop *loop, int fd)
{
	static const struct timeval second = { .tv_sec = 1 };
	short what = fd < 0 ? EV_PERSIST : EV_READ | EV_PERSIST;

	return add(loop, WITNESS, fd < 0 ? -1 : fd, what, fd < 0 ? &second : NULL);
}

int loop_watch_once(struct loop *loop, int fd)
{
	return add(loop, WATCHER, fd, EV_READ, NULL);
}

int loop_watch_guardian(struct loop *loop, int fd)
{
	struct subscription *guardian = &loop->sources[GUARDIAN];

	if (guardian->event)
		event_free(guardian->event);
	guardian->event = NULL;
	return fd < 0 ? 0 : add(loop, GUARDIAN, fd, EV_READ | EV_PERSIST, NULL);
}

int loop_watch_courier(struct loop *loop, int fd)
{
	return add(loop, COURIER, fd, EV_READ | EV_PERSIST, NULL);
}

int loop_retry(struct loop *loop, unsigned int seconds)
{
	const struct timeval interval = { .tv_sec = seconds };
	const struct event *event = loop->sources[RETRY].event;

	/* Put off whenever something happens, it might never come. */
	if (event && event_pending(event, EV_TIMEOUT, NULL))
		return 0;
	return add(loop, RETRY, -1, 0, &interval);
}

int loop_run(struct loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *loop)
{
	(void)event_base_loopbreak(loop->base);
}
