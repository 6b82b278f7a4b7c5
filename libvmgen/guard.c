/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen_guard_run(): what a change makes stale is renewed once, by one thread.
 *
 * The lock is our own, because it has to survive what a mutex does not: a
 * fork() while another thread holds it, and a signal handler on the thread that
 * holds it. Its value is who holds it.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmgen.h"

enum {
	/* A machine that is cloned more often within one run is out of luck. */
	TRIES = 16,
};

static uint64_t this_thread(void)
{
	return (uint64_t)getpid() << 32 | (uint32_t)gettid();
}

static inline bool is_fresh(const struct vmgen *v, const struct vmgen_guard *g)
{
	/* Pairs with renew(): whoever sees the generation sees what was renewed for it. */
	return v && source_generation(&v->source) ==
			    __atomic_load_n(&g->generation, __ATOMIC_ACQUIRE) &&
	       !vmgen_raw_moved(v);
}

static void futex(uint32_t *word, int operation, uint32_t value)
{
	int saved = errno;

	(void)syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL);
	errno = saved;
}

/* Returns 0: this thread has the guard now; 1: another one had it; -EBUSY. */
static int take(struct vmgen_guard *g, unsigned int flags)
{
	uint32_t turn = __atomic_load_n(&g->turn, __ATOMIC_ACQUIRE);
	uint64_t self = this_thread();
	uint64_t owner = 0;

	if (__atomic_compare_exchange_n(&g->owner, &owner, self, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return 0;
	/* It was held when the process forked, by a thread that is not here. */
	if (owner >> 32 != self >> 32)
		return !__atomic_compare_exchange_n(&g->owner, &owner, self, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	if (owner == self || (flags & VMGEN_GUARD_NOWAIT))
		return -EBUSY;
	/* Pairs with release(): a turn that is over is not waited for. */
	futex(&g->turn, FUTEX_WAIT, turn);
	return 1;
}

static void release(struct vmgen_guard *g)
{
	__atomic_store_n(&g->owner, 0, __ATOMIC_RELEASE);
	/* Pairs with take(). */
	__atomic_add_fetch(&g->turn, 1, __ATOMIC_RELEASE);
	futex(&g->turn, FUTEX_WAKE, INT_MAX);
}

/* Where the device cannot be asked, nothing stays fresh. */
static uint64_t settled_generation(struct vmgen *v)
{
	struct vmgen_event event;

	if (!v || (vmgen_raw_moved(v) && vmgen_settle(v, &event) < 0))
		return 0;
	return source_generation(&v->source);
}

static int renew(struct vmgen *v, struct vmgen_guard *g, int (*run)(void *arg), void *arg)
{
	uint64_t generation;
	int tries;
	int r;

	for (tries = 0; tries < TRIES; tries++) {
		generation = settled_generation(v);
		/* The raw ID was lost, or a slower thread has noted the one before. */
		if (generation && generation == g->generation)
			return tries > 0;
		r = run(arg);
		if (r)
			return r < 0 ? r : -EIO;
		/* Pairs with is_fresh(). */
		__atomic_store_n(&g->generation, generation, __ATOMIC_RELEASE);
		if (!generation || is_fresh(v, g))
			return 1;
	}
	return -EAGAIN;
}

/* Out of the way of those to whom nothing happened. */
__attribute__((noinline, cold)) static int make_fresh(struct vmgen *v, struct vmgen_guard *g,
						      unsigned int flags, int (*run)(void *arg),
						      void *arg)
{
	int r = take(g, flags);

	while (r > 0 && !is_fresh(v, g))
		r = take(g, flags);
	/* Another thread has been faster, or this one must not wait for it. */
	if (r)
		return r > 0 ? 0 : r;
	r = is_fresh(v, g) ? 0 : renew(v, g, run, arg);
	release(g);
	return r;
}

VMGEN_EXPORT int vmgen_guard_run(struct vmgen *v, struct vmgen_guard *g, unsigned int flags,
				 int (*run)(void *arg), void *arg)
{
	if (!g || !run || (flags & ~VMGEN_GUARD_NOWAIT))
		return -EINVAL;
	return __builtin_expect(is_fresh(v, g), 1) ? 0 : make_fresh(v, g, flags, run, arg);
}
