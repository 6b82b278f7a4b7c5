/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the tests of vmgen_guard_run() share: a device, and a state that is renewed
 * when it changes.
 */
#ifndef RENEWED_H
#define RENEWED_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "page.h"
#include "tap.h"

static void *page;
static struct vmgen *v;
/* In one step: a generation is never older than the one before it. */
static inline void change(void)
{
	__atomic_add_fetch((page_word *)((char *)page + CLOCK_GENERATION), 1, __ATOMIC_RELEASE);
}

/* What is to be renewed: plain memory, so that a thread sanitizer judges the hand-over. */
struct state {
	struct vmgen_guard guard;
	uint64_t generation;
	int runs;
	int failures;
	int changes;
	int inner;
};

static inline int renew(void *arg)
{
	struct state *s = arg;

	s->runs++;
	if (s->failures > 0) {
		s->failures--;
		return -EDOM;
	}
	s->generation = vmgen_generation(v);
	if (s->changes > 0) {
		s->changes--;
		change();
	}
	return 0;
}

static inline int run(struct state *s)
{
	return vmgen_guard_run(v, &s->guard, 0, renew, s);
}

/* A run that takes until it is told to end. */
struct long_run {
	struct state s;
	sem_t began, end;
	int result;
};

static inline int take_long(void *arg)
{
	struct long_run *l = arg;

	sem_post(&l->began);
	while (sem_wait(&l->end))
		;
	return renew(&l->s);
}

static inline void *run_long(void *arg)
{
	struct long_run *l = arg;

	l->result = vmgen_guard_run(v, &l->s.guard, 0, take_long, l);
	return NULL;
}

static inline pthread_t start(void *(*function)(void *arg), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, arg))
		scratch_give_up("thread");
	return thread;
}

static inline pthread_t start_long(struct long_run *l)
{
	pthread_t thread;

	sem_init(&l->began, 0, 0);
	sem_init(&l->end, 0, 0);
	thread = start(run_long, l);
	while (sem_wait(&l->began))
		;
	return thread;
}

static inline void renewed_create(void)
{
	scratch_create();
	page = page_create_clock("clock", 1);
	if (page_open("clock", VMGEN_VMCLOCK, &v))
		scratch_give_up("clock");
}

#endif /* RENEWED_H */
