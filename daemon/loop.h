/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The event loop of vmgend. Only this module knows libevent.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>

struct loop;

/* What happens in the loop. All are called with the context, one at a time. */
struct loop_handlers {
	/* The witness is readable. */
	void (*witness)(void *context);
	/* The guardian has something to tell, or is gone. */
	void (*guardian)(void *context);
	/* The time of loop_retry() is over. */
	void (*retry)(void *context);
	/* The courier has something to do. */
	void (*courier)(void *context);
	/* The watcher's descriptor is readable. */
	void (*watcher)(void *context);
	/* A child has ended. */
	void (*child)(void *context);
	/* SIGUSR1. */
	void (*request)(void *context);
	/* SIGHUP. */
	void (*reload)(void *context);
	/* SIGTERM or SIGINT. */
	void (*stop)(void *context);
	/* Each interval. */
	void (*alive)(void *context);
};

/*
 * alive_usec: the interval; 0: none. context must outlive the loop. Returns 0 or
 * -ENOMEM.
 */
int loop_new(const struct loop_handlers *handlers, void *context, uint64_t alive_usec,
	     struct loop **ret_loop);

/* NULL is allowed. Returns NULL. */
struct loop *loop_free(struct loop *loop);

/*
 * Calls handlers->witness from now on. fd: negative: it cannot be polled, so it
 * is looked at each second. Returns 0 or -ENOMEM.
 */
int loop_watch(struct loop *loop, int fd);

/*
 * Calls handlers->watcher once, when the descriptor is readable; it must be the
 * same in each call. Returns 0 or -ENOMEM.
 */
int loop_watch_once(struct loop *loop, int fd);

/* Calls handlers->guardian from now on, instead of for an earlier fd. -1: no more. */
int loop_watch_guardian(struct loop *loop, int fd);

/* Calls handlers->courier from now on. Returns 0 or -ENOMEM. */
int loop_watch_courier(struct loop *loop, int fd);

/*
 * Calls handlers->retry once, after so many seconds, or when that was asked for
 * before. Returns 0 or -ENOMEM.
 */
int loop_retry(struct loop *loop, unsigned int seconds);

/* Runs until loop_stop(). Returns 0 or -EIO. */
int loop_run(struct loop *loop);

void loop_stop(struct loop *loop);

#endif /* LOOP_H */
